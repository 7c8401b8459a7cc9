"""Gradient checkpointing: the same update out of less memory, and sampling as before."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from hitl.config.session import SessionConfig
from hitl.learn.engine import LocalEngine
from hitl.learn.policy import Policy
from hitl.records import LabelledGroup, Mode, Prompt
from hitl.shipped import shipped

from .conftest import tiny_policy

IDS = torch.arange(2, 26).reshape(2, 12)


def gradients(policy: Policy) -> tuple[list[torch.Tensor], int]:
    """Of a loss, and the bytes that were kept for the way back."""
    kept = 0

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        nonlocal kept
        kept += tensor.nbytes
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        every = torch.arange(IDS.shape[1]).expand_as(IDS)
        reading, values = policy.read(IDS, torch.ones_like(IDS), every)
        loss = reading.logits().log_softmax(-1)[..., 3].mean() + values.mean()
    found = torch.autograd.grad(loss, list(policy.trained().values()))
    return list(found), kept


def test_the_gradient_is_the_same_and_less_is_kept_for_it() -> None:
    plain, sparing = tiny_policy(), tiny_policy()
    sparing.checkpoint_gradients()
    assert len(sparing.checkpointed) == 2
    (mine, few), (theirs, many) = gradients(sparing), gradients(plain)
    assert few < 0.5 * many
    for one, other in zip(mine, theirs, strict=True):
        assert torch.equal(one, other)
    assert not any(module.training for module in sparing.modules())


@pytest.mark.parametrize("lora", [False, True])
def test_updates_and_completions_are_the_same_bit_for_bit(lora: bool) -> None:
    source = shipped("checkpoints", "tiny-zh")
    assert source is not None
    plain = SessionConfig(lang="zh", group_size=4, max_new_tokens=6, seed=5, lora=lora)
    made = []
    for config in (plain, dataclasses.replace(plain, gradient_checkpointing=True)):
        engine = LocalEngine(source, config, lambda stage, done, total: None)
        for number in (1, 2):
            [group] = engine.sample([Prompt("这部电影很", number)], 4, 5)
            batch = [LabelledGroup(group, (5.0, 1.0, 3.0, 2.0), "op", Mode.SCORE)]
            stats = engine.update(number, batch)
        made.append((group, stats.digest, stats.epochs))
    assert made[0] == made[1]

"""How often an update asks the models for the whole batch: what its time is made of."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from typing import Any

import pytest
import torch

from hitl.config.ppo import HUMAN, TRL_CLASSIC, PPOConfig
from hitl.learn import reading
from hitl.learn.expected import Expected
from hitl.learn.policy import Policy
from hitl.learn.rollout import rollout_of
from hitl.learn.step import ppo_step

from .conftest import tiny_policy
from .test_step import CPU, HOW, groups_of

REWARDS = [5.0, 2.0, 1.0, 4.0, 3.0, 3.0, 2.0, 5.0]


def reads(config: PPOConfig, monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Forward passes of policy and reference in one step, those with a way back apart, and the
    times that their heads are asked about all positions."""
    policy, reference = tiny_policy(), tiny_policy()
    names = {id(policy): "policy", id(reference): "reference"}
    found: dict[str, float] = defaultdict(int)
    read = Policy.read

    def counted(self: Policy, *given: Any) -> Any:
        found[names[id(self)] + (", with gradient" if torch.is_grad_enabled() else "")] += 1
        return read(self, *given)

    monkeypatch.setattr(Policy, "read", counted)
    logits = reading._logits

    def counted_logits(x: torch.Tensor, *given: Any) -> Any:
        found["head"] += len(x)
        return logits(x, *given)

    monkeypatch.setattr(reading, "_logits", counted_logits)
    rollout = rollout_of(groups_of(policy, REWARDS), 1, CPU)
    optimizer = torch.optim.Adam(policy.parameters(), lr=1e-6)
    ppo_step(
        policy, reference, optimizer, rollout, HOW, config, config.init_kl_coef, None,
        Expected(torch.full((8,), 3.0), torch.ones(8)), lambda epoch: torch.arange(8),
        lambda done, total: None,
    )  # fmt: skip
    found["head"] = round(found["head"] / rollout.mask.numel(), 3)
    return found


@pytest.mark.parametrize("config", [HUMAN, TRL_CLASSIC], ids=["human", "trl-classic"])
def test_one_forward_pass_for_each_backward_one_and_one_to_see_what_came_of_it(
    config: PPOConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the policy said before is what the first pass begins with, and what is measured after
    a pass is what the next one begins with."""
    want = {"policy, with gradient": config.ppo_epochs, "policy": 1, "reference": 1}
    # The policy's before each pass; both where the first begins; and where the last ends both, or
    # where no budget asks for the reference the policy's alone.
    head = config.ppo_epochs + 2 + (2 if config.kl_control == "budget" else 1)
    assert reads(config, monkeypatch) == {**want, "head": head}


def test_a_batch_in_pieces_is_measured_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = dataclasses.replace(HUMAN, micro_batch_size=4)
    found = reads(pieces, monkeypatch)
    assert found["policy, with gradient"] == 2 * HUMAN.ppo_epochs
    assert found["policy"] == 2 + 2 * HUMAN.ppo_epochs and found["reference"] == 2

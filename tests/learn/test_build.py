"""What a policy is built of."""

from __future__ import annotations

import pytest
import torch

from hitl.config.session import SessionConfig
from hitl.errors import HitlError
from hitl.learn.build import build, pick_device
from hitl.learn.share import ALONE
from hitl.shipped import shipped


@pytest.mark.parametrize(("rank", "alpha"), [(4, 12), (8, 8)])
def test_adapters_have_the_rank_and_weigh_alpha_over_it(rank: int, alpha: int) -> None:
    source = shipped("checkpoints", "tiny-zh")
    assert source is not None
    config = SessionConfig(lang="zh", lora=True, lora_rank=rank, lora_alpha=alpha)
    learner = build(source, config, torch.device("cpu"), ALONE, lambda stage, done, total: None)
    layers = [m for m in learner.policy.modules() if hasattr(m, "lora_A")]
    assert len(layers) == 6 * 4
    assert {m.scaling["default"] for m in layers} == {alpha / rank}
    assert {m.lora_A["default"].out_features for m in layers} == {rank}


@pytest.mark.parametrize(
    ("name", "gpus", "said"),
    [
        ("gpu", 1, "--device 'gpu' is no device: use auto, cpu or cuda"),
        ("cuda", 0, "--device cuda: no GPU was found here; use --device cpu"),
        ("cuda:2", 2, "--device cuda:2: the last GPU here is cuda:1"),
        ("mps", 0, "--device mps: only cpu and cuda"),
    ],
)
def test_a_device_that_is_not_there(
    name: str, gpus: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    with pytest.raises(HitlError) as refused:
        pick_device(name)
    assert said in str(refused.value)


@pytest.mark.parametrize(("name", "gpus"), [("cuda", 1), ("cuda:1", 2), ("cpu", 0), ("auto", 0)])
def test_a_device_that_is_there(name: str, gpus: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    assert pick_device(name) == torch.device("cpu" if name == "auto" else name)

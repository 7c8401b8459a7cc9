"""What a policy is built of."""

from __future__ import annotations

import pytest

from hitl.config.session import SessionConfig
from hitl.learn.build import build
from hitl.shipped import shipped


@pytest.mark.parametrize(("rank", "alpha"), [(4, 12), (8, 8)])
def test_adapters_have_the_rank_and_weigh_alpha_over_it(rank: int, alpha: int) -> None:
    source = shipped("checkpoints", "tiny-zh")
    assert source is not None
    config = SessionConfig(lang="zh", lora=True, lora_rank=rank, lora_alpha=alpha)
    learner = build(source, config, lambda stage, done, total: None)
    layers = [m for m in learner.policy.modules() if hasattr(m, "lora_A")]
    assert len(layers) == 6 * 4
    assert {m.scaling["default"] for m in layers} == {alpha / rank}
    assert {m.lora_A["default"].out_features for m in layers} == {rank}

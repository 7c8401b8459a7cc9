"""Which options are told not to belong to a kind of data."""

from __future__ import annotations

from pathlib import Path

from hitl.config.offline import Passes, PreferenceConfig
from hitl.config.reward import RewardTrainConfig
from hitl.config.reward_commands import RewardTrain


def test_options_of_another_kind_are_told_as_they_were_given() -> None:
    texts = RewardTrainConfig("a", Path("b"), steps=9, batch_tokens=512, seed=3)
    preferences = PreferenceConfig(Passes(epochs=1, lora_rank=4), pair_lr=1e-3)
    command = RewardTrain(texts, preferences)
    assert command.strangers("texts") == ["--epochs", "--lora-rank", "--pair-lr"]
    assert command.strangers("run") == ["--steps", "--batch-tokens"]
    assert RewardTrain(RewardTrainConfig("a", Path("b"))).strangers("texts") == []

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hitl.learn.labels import REMEMBERED, Labels
from hitl.learn.rollout import Rollout, rollout_of
from tests.learn.conftest import group, tiny_policy


def batch(prompt: tuple[int, ...], rewards: tuple[float, ...]) -> Rollout:
    policy = tiny_policy()
    completions = [(7 + i, 8, 9) for i in range(len(rewards))]
    return rollout_of([group(policy, completions, rewards, prompt)], 1, torch.device("cpu"))


def of(rollout: Rollout) -> torch.Tensor:
    return rollout.score[:, None].repeat(1, 5)


def two() -> Labels:
    first, second = batch((0, 5), (3.0, 1.0)), batch((0, 5, 6, 4), (2.0, 5.0, 4.0))
    return Labels.none().with_batch(first, of(first)).with_batch(second, of(second))


def test_batches_follow_each_other_and_groups_stay_apart() -> None:
    both = two()
    assert both.reward.tolist() == [3.0, 1.0, 2.0, 5.0, 4.0]
    assert both.group.tolist() == [0, 0, 1, 1, 1] and both.groups.tolist() == [0, 1]
    assert (both.prompt_of(0), both.prompt_of(1)) == ((0, 5), (0, 5, 6, 4))
    assert both.features[:, 0].tolist() == both.reward.tolist()


def test_they_come_back_from_a_checkpoint_as_they_were(tmp_path: Path) -> None:
    two().save(tmp_path)
    again = Labels.load(tmp_path)
    for name in ("features", "reward", "group", "prompts", "prompt_lengths"):
        assert torch.equal(getattr(again, name), getattr(two(), name))


def test_none_yet_can_be_saved_too(tmp_path: Path) -> None:
    Labels.none().save(tmp_path)
    assert len(Labels.load(tmp_path)) == 0


def test_a_checkpoint_without_them_is_said_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--amplify"):
        Labels.load(tmp_path)


def test_the_newest_are_kept() -> None:
    many, one = Labels.none(), batch((0, 5), (3.0, 1.0))
    for _ in range(REMEMBERED // 2 + 3):
        many = many.with_batch(one, of(one))
    assert len(many) == REMEMBERED
    assert many.group[-1] - many.group[0] == REMEMBERED // 2 - 1

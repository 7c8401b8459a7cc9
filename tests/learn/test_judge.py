"""The reward model of the labels: on features where it is known what the operator likes."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor

from hitl.learn.judge import FEWEST_GROUPS, Judge, Scale, accuracy, fit
from hitl.learn.labels import Labels

D, K = 24, 4


def drawn(rows: int, seed: int) -> Tensor:
    return torch.randn(rows, D, generator=torch.Generator().manual_seed(seed))


TASTE = drawn(1, 99)[0]
BASE = drawn(400, 1)
SCALE = Scale.of(BASE, 3)


def labels(groups: int, noise: float = 0.0, seed: int = 2) -> Labels:
    """Of an operator who likes what points along TASTE."""
    x = drawn(groups * K, seed)
    reward = x @ TASTE + noise * drawn(groups * K, seed + 1)[:, 0]
    group = torch.arange(groups).repeat_interleave(K)
    one = torch.ones(groups * K, dtype=torch.long)
    return Labels(x, reward, group, one[:, None], one)


def fitted(of: Labels) -> Judge:
    return fit(of, BASE, SCALE, torch.Generator().manual_seed(0))


def agreement(judge: Judge) -> float:
    new = drawn(2000, 7)
    return float(torch.corrcoef(torch.stack([judge(new, 0.0), (new @ TASTE).double()]))[0, 1])


def test_it_learns_what_the_operator_likes_and_more_from_more() -> None:
    few, many = agreement(fitted(labels(8))), agreement(fitted(labels(64)))
    assert few > 0.5 and many > 0.9 and many > few


def test_rewards_are_in_deviations_of_the_base_policy() -> None:
    said = fitted(labels(64))(BASE, 0.0)
    assert float(said.mean()) == pytest.approx(0.0, abs=1e-9)
    assert float(said.std()) == pytest.approx(1.0, abs=0.1)


def test_what_the_labels_say_nothing_of_earns_less_the_more_cautious_it_is() -> None:
    judge, far = fitted(labels(8)), 20 * drawn(200, 11)
    assert bool((judge(far, 1.0) < judge(far, 0.0)).all())


def test_only_differences_within_a_group_count() -> None:
    plain = labels(12)
    moved = dataclasses.replace(plain, reward=plain.reward + 10.0 * plain.group)
    new = drawn(50, 5)
    torch.testing.assert_close(fitted(moved)(new, 1.0), fitted(plain)(new, 1.0), atol=1e-4, rtol=0)
    assert accuracy(moved, SCALE) == pytest.approx(accuracy(plain, SCALE))


def test_its_own_accuracy_tells_taste_from_chance() -> None:
    sure, guess = accuracy(labels(32), SCALE), accuracy(labels(32, noise=1000.0), SCALE)
    assert sure is not None and guess is not None
    assert sure > 0.8 and abs(guess - 0.5) < 0.12


def test_too_few_groups_tell_nothing() -> None:
    assert accuracy(labels(FEWEST_GROUPS - 1), SCALE) is None
    assert accuracy(labels(FEWEST_GROUPS), SCALE) is not None


def test_labels_that_are_all_equal_tell_nothing_and_do_no_harm() -> None:
    equal = dataclasses.replace(labels(8), reward=torch.ones(8 * K))
    assert accuracy(equal, SCALE) is None
    assert bool((fitted(equal)(drawn(5, 3), 1.0) == 0).all())

"""What operators usually give: by operator and mode, without what nobody judged."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from hitl.config.ppo import HUMAN
from hitl.learn.expected import expected, moments_after, prior
from hitl.learn.moments import Moments
from hitl.learn.rollout import rollout_of
from hitl.records import LabelledGroup, Mode
from hitl.scale import Scale

from .conftest import group, tiny_policy

SCALE = Scale.parse("1-5")
TEXTS = [[5, 6], [7, 8, 9], [4], [3, 2]]


def judged(rewards: list[float], operator: str = "op", mode: Mode = Mode.SCORE) -> LabelledGroup:
    made = group(tiny_policy(), TEXTS[: len(rewards)], rewards, mode=mode)
    return dataclasses.replace(made, operator=operator)


def test_rows_that_nobody_judged_are_no_part_of_the_running_mean() -> None:
    batch = [judged([5.0, math.nan, 4.0, math.nan]), judged([math.nan] * 4)]
    after = moments_after(batch, {}, SCALE, HUMAN)
    alone = moments_after([judged([5.0, 4.0])], {}, SCALE, HUMAN)
    assert after == alone
    assert after["op/score"].weight == HUMAN.prior_labels + 2
    assert 3.0 < after["op/score"].mean < 4.5


def test_nothing_judged_leaves_the_running_mean_as_it_was() -> None:
    known = {"op/score": Moments(3.5, 1.0, 20.0)}
    assert moments_after([judged([math.nan] * 4)], known, SCALE, HUMAN) == known


def test_each_row_is_compared_with_its_own_operator_and_mode() -> None:
    batch = [
        judged([math.nan, 5.0], "strict"),
        judged([2.0, 4.0], "kind"),
        judged([1.0, -1.0], "kind", Mode.RANK),
    ]
    known = {"strict/score": Moments(2.0, 1.0, 50.0), "kind/score": Moments(4.5, 0.25, 50.0)}
    rollout = rollout_of(batch, 1, torch.device("cpu"))
    got = expected(batch, rollout, known, SCALE, HUMAN)
    assert got.mean.tolist() == [2.0, 4.5, 4.5, 0.0, 0.0]
    assert got.std[:3].tolist() == [1.0, 0.5, 0.5]
    assert got.std[3] == pytest.approx(prior(Mode.RANK, SCALE, HUMAN).std)


def test_an_operator_who_always_says_the_same_has_a_deviation_all_the_same() -> None:
    batch = [judged([4.0, 4.0])]
    rollout = rollout_of(batch, 1, torch.device("cpu"))
    known = {"op/score": Moments(4.0, 0.0, 50.0)}
    got = expected(batch, rollout, known, SCALE, HUMAN)
    assert got.std.min() == pytest.approx(HUMAN.std_floor * SCALE.spread)

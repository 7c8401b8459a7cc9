from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl.learn.moments import Moments

REWARDS = st.lists(st.floats(-5, 5), min_size=1, max_size=20)


@given(REWARDS, REWARDS)
def test_two_batches_are_as_one(first: list[float], second: list[float]) -> None:
    got = Moments(0.0, 0.0, 0.0).updated(first, 1e9).updated(second, 1e9)
    assert got.mean == pytest.approx(statistics.fmean(first + second), abs=1e-9)
    assert got.var == pytest.approx(statistics.pvariance(first + second), abs=1e-9)
    assert got.weight == len(first + second)


def test_memory_is_bounded() -> None:
    old = Moments(3.0, 1.0, 10_000.0)
    assert old.updated([5.0] * 16, memory=64).mean == pytest.approx(3 + 2 * 16 / 80)


def test_nothing_given_changes_nothing() -> None:
    old = Moments(3.0, 1.0, 4.0)
    assert old.updated([], 64) is old

"""What is wrong with a simulated judge: spreads and rates, as figures."""

from __future__ import annotations

import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl.errors import UsageError
from hitl.unsteady import EQUAL, HUMAN_SPREAD, Unsteadiness, merged, perceived

SURE = Unsteadiness(noise=0.0)
FOUR = (0.1, 0.4, 0.45, 0.9)


def felt(how: Unsteadiness, number: int = 1, seed: int = 0) -> list[float] | None:
    return perceived(FOUR, how, number, random.Random(f"{seed}/{number}"))


def test_a_steady_judge_sees_what_is_there() -> None:
    assert felt(SURE) == list(FOUR)


def test_people_are_less_sure_in_the_middle_than_at_the_ends() -> None:
    assert max(HUMAN_SPREAD) == HUMAN_SPREAD[4] > HUMAN_SPREAD[0] > HUMAN_SPREAD[-1]
    chance = random.Random(1)
    human = Unsteadiness(noise=None)
    for utility, spread in ((0.45, 0.133), (0.95, 0.089)):
        said = perceived([utility] * 4000, human, 1, chance)
        assert said is not None and statistics.stdev(said) == pytest.approx(spread, rel=0.05)


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_groups_are_skipped_at_the_rate_asked_for(rate: float) -> None:
    how = Unsteadiness(noise=0.0, skip=rate)
    skipped = sum(felt(how, number) is None for number in range(2000))
    assert skipped / 2000 == pytest.approx(rate, abs=0.03)


def test_a_mistake_is_one_pair_of_neighbours_the_wrong_way_round() -> None:
    how = Unsteadiness(noise=0.0, mistake=1.0)
    for number in range(50):
        said = felt(how, number)
        assert said is not None and sorted(said) == sorted(FOUR)
        moved = [i for i in range(4) if said[i] != FOUR[i]]
        assert moved in ([0, 1], [1, 2], [2, 3])


def test_ties_join_what_is_near() -> None:
    assert felt(Unsteadiness(noise=0.0, tie=1.0)) == [0.1, 0.45, 0.45, 0.9]


def test_a_lenient_judge_has_moved_by_the_drift_after_a_hundred_groups() -> None:
    said = felt(Unsteadiness(noise=0.0, drift=0.1), number=100)
    assert said == pytest.approx([u + 0.1 for u in FOUR])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_merging_keeps_the_order_and_only_raises(values: list[float]) -> None:
    said = merged(values)
    for i, a in enumerate(values):
        assert said[i] >= a
        for j, b in enumerate(values):
            if a >= b:
                assert said[i] >= said[j]
            if a - b >= EQUAL * len(values):
                assert said[i] > said[j]


@pytest.mark.parametrize("wrong", [{"skip": 1.1}, {"mistake": -0.1}, {"drift": 2}, {"noise": 9}])
def test_a_rate_that_is_none_is_refused_by_name(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=f"--{next(iter(wrong))}"):
        Unsteadiness(**wrong)

"""The blind test's figures."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl.blind import PAIRS, base_first, event_of, meaning, numbers, outcome, wilson, win_rate
from hitl.operator import Contrasted


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    # Brown, Cai and DasGupta 2001 and R's binom.confint(method="wilson")
    [
        (0, 10, 0.0, 0.2775),
        (8, 10, 0.4902, 0.9433),
        (5, 10, 0.2366, 0.7634),
        (50, 100, 0.4038, 0.5962),
    ],
)
def test_wilson(successes: int, n: int, low: float, high: float) -> None:
    assert wilson(successes, n) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_share_and_is_symmetric(given: tuple[int, int]) -> None:
    wins, n = given
    low, high = wilson(wins, n)
    assert 0 <= low <= wins / n <= high <= 1
    mirrored = wilson(n - wins, n)
    assert low == pytest.approx(1 - mirrored[1]) and high == pytest.approx(1 - mirrored[0])


def pair(number: int) -> Contrasted:
    return Contrasted(number, 3, "p", "old", "new")


def test_sides_are_shuffled_by_a_key() -> None:
    sides = [base_first(1, n) for n in range(1000, 1400)]
    assert 150 < sum(sides) < 250 and sides == [base_first(1, n) for n in range(1000, 1400)]
    assert sides != [base_first(2, n) for n in range(1000, 1400)]
    for n in range(1000, 1020):
        first = 0 if base_first(1, n) else 1
        assert outcome(1, pair(n), first) == "base"
        assert outcome(1, pair(n), 1 - first) == "now"
        assert outcome(1, pair(n), 2) == "tie"


def test_no_two_tests_have_a_prompt_in_common() -> None:
    seen = [n for test in range(1, 50) for n in numbers(test)]
    assert len(set(seen)) == len(seen) == 49 * PAIRS and min(seen) > 100


def test_rate_and_words() -> None:
    rate = win_rate(["now"] * 8 + ["base", "tie"])
    assert (rate.wins, rate.losses, rate.ties, rate.rate) == (8, 1, 1, 0.85)
    assert "better than its base" in meaning(rate)
    assert "worse" in meaning(win_rate(["base"] * 9 + ["now"]))
    assert "chance" in meaning(win_rate(["base", "now"] * 5))
    assert math.isnan(win_rate([]).rate)
    data = event_of(3, [pair(1000)], ["now"])
    assert data["pairs"] == [
        {"number": 1000, "prompt": "p", "base": "old", "now": "new", "better": "now"}
    ]

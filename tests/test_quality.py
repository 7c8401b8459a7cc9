"""An operator's figures."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl.quality import agreement, compare_pairs, drift, quality, quartiles, sentences
from hitl.records import Edit, Judgement, Mode, Ranking, Rejected, Scores, Skip, Verdict

ONE = Judgement((1, 0), Scores((4.0, 2.0)), "op", Mode.SCORE, seconds=4.0)


def said(*verdicts: Verdict) -> list[Judgement]:
    return [replace(ONE, verdict=verdict) for verdict in verdicts]


def test_pace_and_time_a_judgement() -> None:
    found = quality([replace(ONE, seconds=float(s)) for s in (2, 4, 6, 8, 100)])
    assert found.judgements == 5 and found.labels == 10
    assert found.per_minute == pytest.approx(60 * 5 / 120)
    assert found.seconds == (4.0, 6.0, 8.0)


def test_skips_and_ties() -> None:
    found = quality(said(Skip(), Scores((3.0, 3.0)), Ranking((1, 2)), Rejected(2), Edit("x")))
    assert found.skipped == 0.2 and found.tied == 0.5
    assert quality(said(Ranking((1, 1, 2, 2)))).tied == pytest.approx(2 / 6)


def test_drift() -> None:
    steady = [3.0, 3.2, 2.8, 3.1, 2.9] * 4
    found = drift(steady)
    assert found is not None and not found.sure and abs(found.change) < 0.2
    rising = [2.0 + 0.1 * n + (0.05 if n % 2 else -0.05) for n in range(20)]
    found = drift(rising)
    assert found is not None and found.sure and found.change == pytest.approx(1.9, abs=0.1)
    assert drift([1.0] * 9) is None
    assert quality(said(*[Ranking((1, 2))] * 30)).drift is None


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (Scores((5.0, 3.0, 1.0)), Scores((4.0, 3.0, 2.0)), (3, 3)),
        (Scores((5.0, 3.0, 1.0)), Scores((1.0, 3.0, 5.0)), (3, 0)),
        (Scores((5.0, 3.0, None)), Scores((5.0, 3.0, 1.0)), (1, 1)),
        (Ranking((1, 2, 3)), Ranking((2, 1, 3)), (3, 2)),
        (Ranking((1, 1, 2)), Ranking((1, 2, 3)), (2, 2)),
        (Ranking((1, 2)), Rejected(2), (0, 0)),
        (Ranking((1, 2)), Skip(), (0, 0)),
    ],
)
def test_pairs_that_came_out_the_same(
    first: Verdict, second: Verdict, expected: tuple[int, int]
) -> None:
    assert compare_pairs(first, second) == expected == compare_pairs(second, first)


def test_agreement_over_groups() -> None:
    found = agreement([(Ranking((1, 2)), Ranking((1, 2))), (Ranking((1, 2)), Ranking((2, 1)))])
    assert (found.groups, found.pairs, found.same, found.share) == (2, 2, 1, 0.5)
    assert math.isnan(agreement([]).share)


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_quartiles_are_in_order(values: list[float]) -> None:
    low, middle, high = quartiles(values)
    assert min(values) <= low <= middle <= high <= max(values)


def test_one_judgement_has_no_middle_half() -> None:
    lines = sentences(quality([ONE]))
    assert lines[1] == "4.0 s" and not any("middle" in line for line in lines)


def test_what_it_means() -> None:
    assert sentences(quality([])) == ["nothing was judged"]
    again = [(Ranking((1, 2, 3, 4)), Ranking((1, 2, 3, 4)))] * 2
    lines = sentences(quality([replace(ONE, seconds=s % 5 + 1.0) for s in range(20)], again))
    text = "\n".join(lines)
    assert "20 judgements, 40 labels, 20.0 judgements/min" in text
    assert "agreement with yourself 100% of 12 pairs in 2 groups" in text and "steady" in text
    tied = "\n".join(sentences(quality(said(*[Scores((3.0, 3.0))] * 3))))
    assert "a tie teaches nothing" in tied and "no group has come a second time" in tied
    drifting = said(*[Scores((1.0 + n / 5, 1.0 + n / 5)) for n in range(15)])
    assert "your mean score went up" in "\n".join(sentences(quality(drifting)))

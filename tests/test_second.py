"""Second opinions: Krippendorff's alpha against published examples, and which groups get one."""

from __future__ import annotations

import math

import pytest

from hitl.journal import Entry
from hitl.records import Edit, Judgement, Mode, Prompt, Ranking, Scores, Skip, Verdict
from hitl.second import KIND, Twins, alpha, doubly_judged, pairs_of, twin_of

from .fakes import FakeEngine


def said(number: int, operator: str, verdict: Verdict, size: int = 2) -> Judgement:
    return Judgement((number, 0), verdict, operator, Mode.SCORE, shown=tuple(range(size)))


def two(first: Verdict, second: Verdict, size: int = 2) -> tuple[Judgement, Judgement]:
    return said(1, "anna", first, size), said(2, "ben", second, size)


def units(*rows: list[float | None]) -> list[tuple[Judgement, Judgement]]:
    """One group whose completions are the units of a published table of two coders."""
    first, second = (Scores(tuple(row)) for row in rows)
    return [two(first, second, len(rows[0]))]


def test_alpha_of_the_published_example() -> None:
    """K. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), section B: two coders,
    ten binary units, of which a nominal, and so for two values an interval, alpha is 0.095."""
    meg = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0]
    owen = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    assert alpha(units([*map(float, meg)], [*map(float, owen)])) == pytest.approx(0.095, abs=5e-4)


def test_alpha_of_several_operators_with_missing_values() -> None:
    """By the definition: 1 - D_o / D_e, each unit with the two who judged it."""
    opinions = [
        two(Scores((1.0,)), Scores((2.0,)), 1),
        (said(3, "ben", Scores((3.0,)), 1), said(4, "cleo", Scores((3.0,)), 1)),
        (said(5, "anna", Scores((5.0,)), 1), said(6, "cleo", Scores((4.0,)), 1)),
    ]
    # D_o = mean of squared differences in units, D_e = the same over all pairs of the six values.
    values = [1, 2, 3, 3, 5, 4]
    observed = (1 + 0 + 1) / 3
    pairs = [(a - b) ** 2 for i, a in enumerate(values) for b in values[:i]]
    assert alpha(opinions) == pytest.approx(1 - observed / (sum(pairs) / len(pairs)))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (Scores((1.0, 5.0)), Scores((1.0, 5.0)), 1.0),
        (Ranking((1, 2)), Ranking((1, 2)), 1.0),
        (Ranking((1, 2)), Ranking((2, 1)), -0.5),
        (Scores((3.0, 3.0)), Scores((3.0, 3.0)), math.nan),
        (Scores((3.0, 1.0)), Skip(), math.nan),
        (Edit("own", Ranking((1, 2))), Edit("own", Ranking((1, 2))), 1.0),
        (Scores((1.0, None)), Scores((1.0, 5.0)), math.nan),
    ],
)
def test_alpha_of_verdicts(first: Verdict, second: Verdict, expected: float) -> None:
    assert alpha([two(first, second)]) == pytest.approx(expected, nan_ok=True)


def test_nothing_judged_twice_has_no_alpha() -> None:
    assert math.isnan(alpha([]))


def test_twins_are_keyed_and_as_many_as_asked() -> None:
    groups = FakeEngine().sample([Prompt("p", n) for n in range(1, 1001)], 2, 1)
    twins = [twin_of(group, 5000, 1, 0.2) for group in groups]
    assert 150 < sum(twin is not None for twin in twins) < 250
    assert twins == [twin_of(group, 5000, 1, 0.2) for group in groups]
    assert not any(twin_of(group, 5000, 1, 0.0) for group in groups)
    made = [twin_of(group, 5000, 1, 1.0) for group in groups]
    assert all(t and t.completions == g.completions for t, g in zip(made, groups, strict=True))
    assert made[0] is not None and made[0].key == (5000, 0)


def test_pairs_are_read_back_and_need_two_operators() -> None:
    pairs = pairs_of([
        Entry(KIND, {"of": [1, 0], "group": [2, 0]}, 0, 0.0),
        Entry("tuning", {"lr": 0.1}, 0, 0.0),
        Entry(KIND, {"of": [3, 1], "group": [4, 0]}, 0, 0.0),
    ])  # fmt: skip
    assert pairs == [((1, 0), (2, 0)), ((3, 1), (4, 0))]
    twins = Twins(pairs)
    assert twins.other((2, 0)) == (1, 0) and twins.other((9, 0)) is None and (4, 0) in twins
    one, other = two(Scores((1.0, 2.0)), Scores((2.0, 2.0)))
    assert doubly_judged(pairs, [one, other]) == [(one, other)]
    assert doubly_judged(pairs, [one, said(2, "anna", Skip())]) == []
    assert doubly_judged(pairs, [one]) == []

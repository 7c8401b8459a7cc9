"""The layout of a chart."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl.text import safe
from hitl.tui.curves import LABEL, bounds, chart, figure


def test_a_rising_line_goes_from_corner_to_corner() -> None:
    rows = chart([0.0, 1.0], 7, LABEL + 1 + 10, 4)
    assert [row.axis.strip() for row in rows] == ["1.00┤", "┤", "0.000┤", "└"]
    assert rows[0].curve[-1] != " " and rows[2].curve[0] != " "
    assert rows[0].curve[0] == " " == rows[2].curve[-1]
    assert rows[3].curve == "7        8"


def test_a_level_line_is_in_the_middle() -> None:
    rows = chart([2.0] * 5, 1, 30, 6)
    assert [bool(row.curve.strip()) for row in rows[:-1]] == [False, False, True, False, False]


def test_what_is_not_a_number_leaves_a_gap() -> None:
    rows = chart([1.0, 1.0, math.nan, 1.0, 1.0], 1, LABEL + 1 + 20, 3)
    curve = "".join(row.curve for row in rows[:-1])
    assert " " in curve.strip() and curve.strip()
    assert not "".join(r.curve for r in chart([math.nan], 1, 20, 4)[:-1]).strip()
    assert chart([], 1, 20, 4)[0].axis.strip() == "1.00┤"


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=400),
    st.integers(1, 200),
    st.integers(1, 40),
)
def test_any_values_fit_any_room(values: list[float], width: int, height: int) -> None:
    rows = chart(values, 1, width, height)
    room = max(width - LABEL - 1, 1)
    assert len(rows) == max(height, 2)
    for row in rows:
        assert len(row.axis) == LABEL + 1 and len(row.curve) <= room
        assert safe(row.curve) == row.curve, "the sanitiser lets it pass"


@given(st.floats(-1e300, 1e300))
def test_figures_fit_the_axis(value: float) -> None:
    assert len(figure(value)) <= LABEL


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0.000"), (3.14159, "3.14"), (-12.34, "-12.3"), (123.4, "123"), (1e-5, "1e-05")],
)
def test_figures(value: float, text: str) -> None:
    assert figure(value) == text


def test_bounds_are_apart() -> None:
    low, high = bounds([3.0, 3.0])
    assert low < 3 < high
    assert bounds([]) == (0.0, 1.0) and bounds([math.inf, 1, 2]) == (1, 2)

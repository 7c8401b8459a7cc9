from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl.errors import UsageError
from hitl.scale import Scale


@pytest.mark.parametrize(
    ("text", "low", "high", "digits"),
    [
        ("1-5", 1, 5, "12345"),
        ("0-10", 0, 10, "0123456789"),
        ("-1..1", -1, 1, "01"),
        ("-2..2", -2, 2, "012"),
        ("0.5..3", 0.5, 3, "123"),
        ("-3--1", -3, -1, ""),
    ],
)
def test_what_can_be_written(text: str, low: float, high: float, digits: str) -> None:
    scale = Scale.parse(text)
    assert (scale.low, scale.high, scale.digits) == (low, high, digits)
    assert Scale.parse(str(scale)) == scale


@pytest.mark.parametrize("text", ["", "5", "5-1", "3-3", "a-b", "1-5-9", "nan..1", "1,5"])
def test_what_cannot_is_one_sentence(text: str) -> None:
    with pytest.raises(UsageError, match="--scale"):
        Scale.parse(text)


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_only_scores_on_the_scale_pass(value: float) -> None:
    scale = Scale(1, 5)
    if 1 <= value <= 5:
        assert scale.check(value) == value
    else:
        with pytest.raises(ValueError, match="not on the scale 1-5"):
            scale.check(value)

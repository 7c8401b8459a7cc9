"""How far along a line one may go."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from hitl.learn.along import Search, furthest
from hitl.learn.limits import STEP, WAY_BACK

AT_ALL = st.floats(1e-3, 1e3)


class Line:
    """Something that grows to `end` along a line, with a power; where one stands on it, and how
    often one looked."""

    def __init__(self, end: float, power: float) -> None:
        self.end, self.power = end, power
        self.at, self.looks = 1.0, 0

    def look(self, length: float) -> tuple[float, str]:
        self.at, self.looks = length, self.looks + 1
        return self.end * length**self.power, f"at {length}"


@given(end=AT_ALL, power=st.floats(0.3, 3.0), length=st.floats(1e-3, 1.0), most=AT_ALL)
def test_what_is_found_is_within_and_is_where_one_stands(
    end: float, power: float, length: float, most: float
) -> None:
    line = Line(end, power)
    found = furthest(line.look, length, most, STEP)
    assert line.looks <= STEP.looks + 1
    if found is None:  # it would have had to be very short
        assert (most / end) ** (1 / power) < 0.01
    else:
        assert found.measured <= most and 0 < found.length <= 1
        assert (line.at, f"at {line.at}") == (found.length, found.seen)
        assert found.measured == line.look(found.length)[0]


@given(end=AT_ALL, power=st.floats(0.5, 2.0))
def test_the_whole_line_is_taken_where_that_is_allowed(end: float, power: float) -> None:
    found = furthest(Line(end, power).look, 0.1, 1.5 * end, Search(0.99, 1.0, looks=20))
    assert found is not None and found.length == 1


@given(over=st.floats(1.001, 4.0), power=st.floats(1.0, 3.0))
def test_a_way_back_from_a_known_end_takes_few_looks(over: float, power: float) -> None:
    line = Line(over, power)
    found = furthest(line.look, math.sqrt(WAY_BACK.goal / over), 1.0, WAY_BACK, end=over)
    assert found is not None and WAY_BACK.near <= found.measured <= 1
    assert line.looks <= 4
    if abs(power - 2) < 0.05:
        assert line.looks == 1


def test_what_grows_without_bound_is_left_until_it_does_not() -> None:
    def look(length: float) -> tuple[float, None]:
        return (math.inf if length > 0.01 else length), None

    found = furthest(look, 1.0, 0.1, STEP)
    assert found is not None and found.length <= 0.01

"""How far along a line one may go: a search in few looks.

What is measured there grows with the length, with some power of it: a KL with the square of a short
step, and hardly at all with a long one. So the power it grew by between two looks tells where the
next is to be.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Seen = TypeVar("Seen")

LEAST_LEFT, MOST_LEFT = 0.25, 0.95
"""Of a length, after a look that was too far; one too short grows by as much as it could fall."""


@dataclass(frozen=True)
class Search:
    """What is looked for, as shares of what may be measured."""

    near: float
    """Near enough to it."""
    goal: float
    """Aimed at."""
    looks: int
    """At most."""


@dataclass(frozen=True)
class Place(Generic[Seen]):
    """Where a look was taken."""

    length: float
    """Share of the line, 0 to 1."""
    measured: float
    seen: Seen


def furthest(
    look: Callable[[float], tuple[float, Seen]],
    length: float,
    most: float,
    search: Search,
    end: float | None = None,
) -> Place[Seen] | None:
    """The longest way found at whose end no more than `most` is measured; None if there is none.

    `look(length)` goes there, and tells what is measured and seen; the last one is where the
    returned place is. `length` is looked at first. `end` is what is measured at length 1, where
    that is known and too much.
    """
    within: Place[Seen] | None = None
    far, over = (math.inf, math.inf) if end is None else (1.0, end)
    last = None if end is None else (far, over)
    power = 2.0
    for _ in range(search.looks):
        measured, seen = look(length)
        if last is not None and min(last[1], measured) > 0:
            power = _power(last, (length, measured))
        last = length, measured
        if measured <= most:
            within = Place(length, measured, seen)
            if length == 1 or measured >= search.near * most:
                return within
        else:
            far, over = length, measured
        if within is None:
            length = far * min(change(search.goal * most, over, power), MOST_LEFT)
        elif far < math.inf:
            length = _between(within, (far, over), search.goal * most)
        else:
            length = min(length * change(search.goal * most, measured, power), 1.0)
    return None if within is None else Place(within.length, *look(within.length))


def change(wanted: float, measured: float, power: float) -> float:
    """Of a length at which so much is measured, where that grows with its `power`."""
    if wanted <= 0 or not measured < math.inf:
        return LEAST_LEFT
    if measured <= 0:
        return 1 / LEAST_LEFT
    left: float = (wanted / measured) ** (1 / power)
    return min(max(left, LEAST_LEFT), 1 / LEAST_LEFT)


def _between(within: Place[Seen], beyond: tuple[float, float], wanted: float) -> float:
    """The length at which so much is likely to be measured; what is `beyond` was too far."""
    far, over = beyond
    if within.measured <= 0 or not math.isfinite(over):
        return math.sqrt(within.length * far)
    share = math.log(wanted / within.measured) / math.log(over / within.measured)
    length: float = within.length * (far / within.length) ** share
    return length


def _power(one: tuple[float, float], other: tuple[float, float]) -> float:
    """With which it grows between two (length, measured); of an infinite one nothing is told."""
    if not math.isfinite(one[1] + other[1]):
        return 2.0
    grew = math.log(other[1] / one[1]) / math.log(other[0] / one[0])
    return min(max(grew, 0.1), 2.0)

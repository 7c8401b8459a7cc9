"""Tables of cases, of which a part is always tested and the rest when asked for."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest


def latin(*axes: Sequence[Any]) -> list[Any]:
    """All combinations; always run are those on the diagonals, which have every value of each."""
    cases = []
    for places in itertools.product(*(range(len(axis)) for axis in axes)):
        values = [axis[place] for axis, place in zip(axes, places, strict=True)]
        name = "-".join(v.__name__ if callable(v) else str(v) for v in values)
        always = sum(places[:-1]) % len(axes[-1]) == places[-1]
        cases.append(pytest.param(*values, id=name, marks=[] if always else [pytest.mark.thorough]))
    return cases

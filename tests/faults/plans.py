"""When to kill: at the named points, read from the program itself, and at random times."""

from __future__ import annotations

import random
import re
from pathlib import Path

import hitl

Kill = str | float
"""A fault point, `NAME` or `NAME*n`, or seconds after the start."""

_POINT = re.compile(r'\breach\("([a-z:-]+)"\)')
_PASSES = (
    ("journal:before-create", 1),
    ("run:", 1),
    ("journal:", 20),
    ("update:learning", 4),
    ("", 3),
)
"""How often a run is sure to pass a point; the first that fits counts."""


def named_points() -> tuple[str, ...]:
    """Every point that the program has, but those of a rollback (see test_rollback)."""
    sources = Path(hitl.__file__).parent.rglob("*.py")
    found = {name for path in sources for name in _POINT.findall(path.read_text("utf-8"))}
    return tuple(sorted(name for name in found if not name.startswith("rollback:")))


def at_point(point: str, chance: random.Random) -> list[Kill]:
    """Gets the run to where it passes the point, and kills it there."""
    times = chance.randint(1, next(n for start, n in _PASSES if point.startswith(start)))
    if not point.startswith("resume:"):
        return [f"{point}*{times}"]
    # Recorded, but without its checkpoint: the next stint has to make the update again.
    return [f"checkpoint:saved*{times}", point]


def at_random(chance: random.Random, seconds: float) -> list[Kill]:
    """One to three kills at any time of stints that take about `seconds`."""
    return [chance.uniform(0.0, seconds) for _ in range(chance.choice((1, 1, 2, 3)))]

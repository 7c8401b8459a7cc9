"""SIGKILL anywhere: after as many resumes as it takes, the run is the one that was never killed.

`python -m tests.faults --runs 2000` does the same for longer.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from .driver import Driver
from .plans import at_point, at_random, named_points
from .tables import latin

KILLED = "tests.faults.workshop:killed"


def test_the_program_has_the_points_that_matter() -> None:
    kinds = {point.split(":")[0] for point in named_points()}
    assert kinds == {"run", "journal", "update", "checkpoint", "resume"}


@pytest.mark.parametrize(("point", "by_lines"), latin(named_points(), [False, True]))
def test_at_a_named_point(
    driver: Driver, shop: Path, whole: dict[str, Any], point: str, by_lines: bool
) -> None:
    kills = at_point(point, random.Random(f"{point} {by_lines}"))
    name = f"{point.replace(':', '-')}-{by_lines}"
    run = driver.call(KILLED, folder=shop, name=name, kills=kills, mood=2, by_lines=by_lines)
    assert run["problems"] == []
    assert run["kills"] == len(kills), "it never came there"
    assert (run["labels"], run["updates"], run["weights"]) == (16, 4, whole["weights"])


@pytest.mark.parametrize("number", range(30))
def test_at_a_random_time(driver: Driver, shop: Path, whole: dict[str, Any], number: int) -> None:
    chance = random.Random(number)
    kills = at_random(chance, whole["seconds"])
    run = driver.call(
        KILLED, folder=shop, name=f"random-{number}", kills=kills, mood=number,
        by_lines=chance.random() < 0.5,
    )  # fmt: skip
    assert run["problems"] == []
    assert (run["labels"], run["updates"], run["weights"]) == (16, 4, whole["weights"])


@pytest.mark.parametrize("point", ["journal:after-commit", "update:learned", "resume:remade"])
def test_with_groups_ahead_no_label_is_lost_or_learned_twice(
    driver: Driver, shop: Path, point: str
) -> None:
    kills = at_point(point, random.Random(point))
    run = driver.call(
        KILLED, folder=shop, name=f"ahead-{point.replace(':', '-')}", kills=kills, mood=3, ahead=2
    )
    assert run["problems"] == []
    assert run["kills"] == len(kills) and run["labels"] == 16
    assert run["replayed"]

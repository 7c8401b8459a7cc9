"""How people differ from themselves and each other: the unsteadiness of a simulated operator.

Pure numbers. The spread is that of people: vaderSentiment 3.3.2's sdist has about nineteen
individual ratings of each of 14,311 sentences of film and Amazon reviews. `benchmarks/spread.py`
makes the table again. The rates of the rest are those of B-Pref (Lee et al. 2021), one tenth each.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass

from hitl.errors import UsageError

HUMAN_SPREAD = (0.099, 0.119, 0.121, 0.125, 0.133, 0.123, 0.114, 0.102, 0.097, 0.089)
"""Standard deviation of people's ratings of a text, both on 0-1, where their mean lies in
[0, .1), [.1, .2) … [.9, 1]."""


def human_spread(utility: float) -> float:
    """Standard deviation of a person's rating of a text that people give `utility`, 0 to 1."""
    return HUMAN_SPREAD[min(max(int(utility * len(HUMAN_SPREAD)), 0), len(HUMAN_SPREAD) - 1)]


@dataclass(frozen=True, slots=True)
class Unsteadiness:
    """What is wrong with a judge, each on its own. Rates are shares of groups, 0 to 1."""

    noise: float | None = 0.1
    """Standard deviation added to a text's utility, which is 0 to 1; None: people's own."""
    mistake: float = 0.0
    """Two neighbours of the group, by utility, change places before they are judged."""
    skip: float = 0.0
    """The group is skipped."""
    tie: float = 0.0
    """Texts that are nearer than a tenth, in utility, are called equal."""
    drift: float = 0.0
    """What the judge adds to every score by the 100th group, on 0-1: more lenient as they go."""

    def __post_init__(self) -> None:
        for name in ("mistake", "skip", "tie"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"--{name} {getattr(self, name):g} must lie between 0 and 1")
        if not -1 <= self.drift <= 1:
            raise UsageError(f"--drift {self.drift:g} must lie between -1 and 1")
        if self.noise is not None and not 0 <= self.noise <= 1:
            raise UsageError(f"--noise {self.noise:g} must lie between 0 and 1")


EQUAL = 0.1
"""How near two utilities are that a judge in the mood for ties calls equal."""

DRIFT_GROUPS = 100


def perceived(
    utilities: Sequence[float], how: Unsteadiness, number: int, chance: random.Random
) -> list[float] | None:
    """What a judge makes of the group `number` whose texts have `utilities`; equal ones are a tie.
    None: skipped."""
    felt = [
        u + chance.gauss(0.0, human_spread(u) if how.noise is None else how.noise)
        for u in utilities
    ]
    # Drawn only where it is asked for, so that a run without these is what it was before they came.
    if how.skip and chance.random() < how.skip:
        return None
    if how.mistake and len(felt) > 1 and chance.random() < how.mistake:
        order = sorted(range(len(felt)), key=lambda i: felt[i])
        place = chance.randrange(len(felt) - 1)
        a, b = order[place], order[place + 1]
        felt[a], felt[b] = felt[b], felt[a]
    if how.tie and chance.random() < how.tie:
        felt = merged(felt)
    return [u + how.drift * number / DRIFT_GROUPS for u in felt]


def merged(felt: Sequence[float]) -> list[float]:
    """Utilities where each one nearer than EQUAL to the next better one is as good as that."""
    order = sorted(range(len(felt)), key=lambda i: -felt[i])
    said = list(felt)
    for better, worse in itertools.pairwise(order):
        if felt[better] - felt[worse] < EQUAL:
            said[worse] = said[better]
    return said

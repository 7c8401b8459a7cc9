"""The blind test: base policy or taught, judged without knowing which is which. Pure."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hitl.operator import Contrasted
from hitl.wording import Sentence

PAIRS = 10
"""Pairs of one test."""

KIND = "blind test"
"""Of the journal's event."""

Outcome = Literal["now", "base", "tie"]
"""Which text was the better one."""


def numbers(test: int) -> range:
    """The fixed prompts of test `test`, from 1: no two tests have one in common, and the train
    screen shows none of them."""
    return range(1000 + PAIRS * test, 1000 + PAIRS * (test + 1))


def base_first(seed: int, number: int) -> bool:
    """Whether the base policy's text of a pair stands first: keyed, so that it can be checked."""
    keyed = hashlib.blake2b(f"{seed} blind {number}".encode(), digest_size=1).digest()
    return keyed[0] % 2 == 0


def outcome(seed: int, pair: Contrasted, chosen: int) -> Outcome:
    """What it means that the first (0) or the second (1) text was chosen, or neither (2)."""
    if chosen == 2:
        return "tie"
    return "base" if (chosen == 0) == base_first(seed, pair.number) else "now"


@dataclass(frozen=True, slots=True)
class WinRate:
    """How often the taught policy's text was the better one."""

    wins: int
    losses: int
    ties: int

    @property
    def rate(self) -> float:
        """Wins, a tie being half a one; NaN of nothing."""
        n = self.wins + self.losses + self.ties
        return (self.wins + self.ties / 2) / n if n else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """95 % confidence interval of `rate`."""
        return wilson(self.wins + self.ties / 2, self.wins + self.losses + self.ties)


def win_rate(outcomes: Sequence[Outcome]) -> WinRate:
    """Counted."""
    return WinRate(outcomes.count("now"), outcomes.count("base"), outcomes.count("tie"))


def wilson(successes: float, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Score interval of a proportion (E. B. Wilson, J. Am. Stat. Assoc. 22, 1927, 209–212), `z`
    the normal quantile; (0, 1) of nothing. Unlike the textbook's, it holds for few trials."""
    if n == 0:
        return 0.0, 1.0
    p, w = successes / n, z * z / n
    middle = (p + w / 2) / (1 + w)
    half = z / (1 + w) * math.sqrt(p * (1 - p) / n + w / (4 * n))
    # At p 0 and 1 the bound is p itself, which rounding would miss.
    return max(0.0, min(middle - half, p)), min(1.0, max(middle + half, p))


def event_of(
    version: int, pairs: Sequence[Contrasted], outcomes: Sequence[Outcome]
) -> dict[str, Any]:
    """What the journal keeps of a test: the texts too, as no other row has them."""
    rate = win_rate(outcomes)
    low, high = rate.interval
    return {
        "version": version,
        "wins": rate.wins,
        "losses": rate.losses,
        "ties": rate.ties,
        "rate": rate.rate,
        "interval": [low, high],
        "pairs": [
            {
                "number": pair.number,
                "prompt": pair.prompt,
                "base": pair.before,
                "now": pair.after,
                "better": better,
            }
            for pair, better in zip(pairs, outcomes, strict=True)
        ],
    }


def meaning(rate: WinRate) -> Sentence:
    """One sentence for the operator."""
    low, high = rate.interval
    n = rate.wins + rate.losses + rate.ties
    figures = Sentence(
        "the taught policy won {wins} of {n}, lost {losses}, {ties} ties: {rate:.0%}, and between "
        "{low:.0%} and {high:.0%} with 95 % confidence",
        wins=rate.wins,
        n=n,
        losses=rate.losses,
        ties=rate.ties,
        rate=rate.rate,
        low=low,
        high=high,
    )
    if low > 0.5:
        return Sentence("{figures}. It is better than its base.", figures=figures)
    if high < 0.5:
        return Sentence(
            "{figures}. It is worse than its base: go back to an earlier update.", figures=figures
        )
    return Sentence("{figures}. That could be chance: another test narrows it.", figures=figures)

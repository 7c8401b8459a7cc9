"""In which order an operator's groups come, where that is not the order of their numbers: an own
prompt, or an undo, has come between. It is an event of the journal, so that a resume, or a start
after a kill, brings them as they lay.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence

from hitl.journal import Entry, Journal, JournalError

Key = tuple[int, int]

KIND = "order of groups"
"""Of the journal's events."""


class Order:
    """The order that was written down last for an operator."""

    def __init__(self, entries: Sequence[Entry] = (), operator: str = "") -> None:
        self._operator = operator
        self._keys: Sequence[Key] = _last(entries, operator)

    def of(self, keys: Iterable[Key]) -> list[Key]:
        """As a resume brings them: those that were written down first, the others by number."""
        places = {key: place for place, key in enumerate(self._keys)}
        return sorted(keys, key=lambda key: (places.get(key, len(places)), key))

    def write(self, journal: Journal, keys: Sequence[Key]) -> None:
        """Has groups come in the order of `keys`, if a resume would not bring them so already."""
        if keys == self.of(keys):
            return
        # A convenience, as drafts are: a full disk shows when the judgement is kept.
        with contextlib.suppress(JournalError):
            journal.event(KIND, {"operator": self._operator, "groups": keys})
            self._keys = keys


def _last(entries: Sequence[Entry], operator: str) -> Sequence[Key]:
    for entry in reversed(entries):
        if entry.kind == KIND and entry.data["operator"] == operator:
            return [(number, attempt) for number, attempt in entry.data["groups"]]
    return ()

"""Groups shown again, to measure how far an operator agrees with themselves.

When one is due, and which, is keyed by (run seed, judgements so far), so that a run resumed shows
the same ones. What is said of it the second time is an event of the journal and no judgement: no
update can consume it, no export or total counts it, and replay does not look at it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from hitl.journal import ALL, Entry, Journal
from hitl.journal.rows import read_verdict, verdict_json
from hitl.quality import compare_pairs
from hitl.records import JudgedGroup, Judgement, Mode, Ranking, Rejected, Scores, Verdict

APART = 20
"""Judgements there are at least between the two times."""

SHOWN, TAKEN_BACK = "shown again", "shown again, taken back"
"""Kinds of the journal's events."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """A group that was shown again."""

    judgement: int
    """Number of the first judgement."""
    after: int
    """Judgements there were when it was shown."""
    verdict: Verdict | None
    """What was said the second time; None when the operator passed it over."""


def due(seed: int, judged: int, share: float) -> int | None:
    """After `judged` judgements: which of them comes again now, from 0, or None.

    `share` of the places between two groups have one, once there are more than APART judgements.
    """
    choices = judged - APART
    if choices < 1:
        return None
    keyed = hashlib.blake2b(f"{seed} again {judged}".encode(), digest_size=16).digest()
    chance, which = int.from_bytes(keyed[:8]), int.from_bytes(keyed[8:])
    return which % choices if chance < share * 2**64 else None


def repeats_of(entries: list[Entry]) -> list[Repeat]:
    """Those the journal's events tell of, without those taken back."""
    found: dict[int, Repeat] = {}
    for entry in entries:
        if entry.kind == SHOWN:
            text = entry.data["verdict"]
            repeat = Repeat(
                entry.data["judgement"],
                entry.data["after"],
                None if text is None else read_verdict(text),
            )
            found[repeat.after] = repeat
        elif entry.kind == TAKEN_BACK:
            found.pop(entry.data["after"], None)
    return list(found.values())


class Repeats:
    """What the session asks: is one due, and here is what was said of it."""

    def __init__(
        self, journal: Journal, seed: int, mode: Mode, operator: str, share: float
    ) -> None:
        """`share` 0 shows nothing again."""
        self._journal = journal
        self._seed = seed
        self._mode = mode
        self._operator = operator
        self._share = share
        self._past: dict[int, Repeat] | None = None

    def due(self) -> JudgedGroup | None:
        """The group to show again now."""
        if not self._share:
            return None
        judged = self._journal.count(ALL)
        if judged in self._known() or (place := due(self._seed, judged, self._share)) is None:
            return None
        found = self._journal.judged(judged - 1 - place, 1)
        return found[0] if found and self._fits(found[0]) else None

    def keep(self, again: JudgedGroup, judgement: Judgement | None) -> float | None:
        """Writes down what was said the second time, None is that it was passed over. Returns the
        share of pairs that came out the same way. Raises JournalError."""
        after = self._journal.count(ALL)
        verdict = None if judgement is None else judgement.verdict
        data: dict[str, Any] = {
            "judgement": again.id,
            "after": after,
            "verdict": None if verdict is None else verdict_json(verdict),
        }
        if judgement is not None:
            data |= {
                "operator": judgement.operator,
                "seconds": judgement.seconds,
                "keys": judgement.keys,
                "shown": list(judgement.shown),
            }
        self._journal.event(SHOWN, data)
        self._known()[after] = Repeat(again.id, after, verdict)
        if verdict is None:
            return None
        told, same = compare_pairs(again.judgement.verdict, verdict)
        return same / told if told else None

    def take_back(self) -> bool:
        """Forgets the group shown again since the last judgement; False when there is none. It
        comes again then. Raises JournalError."""
        after = self._journal.count(ALL) if self._share else -1
        if after not in self._known():
            return False
        repeat = self._known()[after]
        self._journal.event(TAKEN_BACK, {"judgement": repeat.judgement, "after": after})
        del self._known()[after]
        return True

    def _known(self) -> dict[int, Repeat]:
        """By `after`."""
        if self._past is None:
            self._past = {r.after: r for r in repeats_of(self._journal.events())}
        return self._past

    def _fits(self, judged: JudgedGroup) -> bool:
        said = judged.judgement
        return (
            isinstance(said.verdict, Scores | Ranking | Rejected)
            and said.mode is self._mode
            and said.operator == self._operator
            and all(repeat.judgement != judged.id for repeat in self._known().values())
        )

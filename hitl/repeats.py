"""Groups shown again, to measure how far an operator agrees with themselves.

When one is due, and which, is keyed by (run seed, judgements of the operator so far), so that a run
resumed shows the same ones. What is said of it the second time is an event of the journal and no
judgement: no update can consume it, no export or total counts it, and replay does not look at it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from hitl.journal import Entry, Filter, Journal
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
    """Judgements of the operator there were when it was shown."""
    verdict: Verdict | None
    """What was said the second time; None when the operator passed it over."""
    operator: str = ""
    """Whose; "" when an older version did not write it down."""


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
    found: dict[tuple[str, int], Repeat] = {}
    for entry in entries:
        if entry.kind not in (SHOWN, TAKEN_BACK):
            continue
        after, operator = entry.data["after"], entry.data.get("operator", "")
        if entry.kind == TAKEN_BACK:
            # One without a name is of an older version, and of a run with one operator.
            for key in [(name, n) for name, n in found if n == after and operator in ("", name)]:
                del found[key]
            continue
        text = entry.data["verdict"]
        verdict = None if text is None else read_verdict(text)
        found[operator, after] = Repeat(entry.data["judgement"], after, verdict, operator)
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
        self._mine = Filter(operator=operator)
        self._share = share
        self._past: dict[int, Repeat] | None = None

    def due(self) -> JudgedGroup | None:
        """The group to show again now."""
        if not self._share:
            return None
        judged = self._journal.count(self._mine)
        if judged in self._known() or (place := due(self._seed, judged, self._share)) is None:
            return None
        listed = self._journal.listed(self._mine, judged - 1 - place, 1)
        found = self._journal.find(listed[0].id) if listed else None
        return found if found is not None and self._fits(found) else None

    def keep(self, again: JudgedGroup, judgement: Judgement | None) -> float | None:
        """Writes down what was said the second time, None is that it was passed over. Returns the
        share of pairs that came out the same way. Raises JournalError."""
        after = self._journal.count(self._mine)
        verdict = None if judgement is None else judgement.verdict
        data: dict[str, Any] = {
            "judgement": again.id,
            "after": after,
            "verdict": None if verdict is None else verdict_json(verdict),
            "operator": self._operator,
        }
        if judgement is not None:
            data |= {
                "seconds": judgement.seconds,
                "keys": judgement.keys,
                "shown": list(judgement.shown),
                "note": judgement.note,
                "flag": judgement.flag,
            }
        self._journal.event(SHOWN, data)
        self._known()[after] = Repeat(again.id, after, verdict, self._operator)
        if verdict is None:
            return None
        told, same = compare_pairs(again.judgement.verdict, verdict)
        return same / told if told else None

    def take_back(self) -> bool:
        """Forgets the group shown again since the last judgement; False when there is none. It
        comes again then. Raises JournalError."""
        after = self._journal.count(self._mine) if self._share else -1
        if after not in self._known():
            return False
        repeat = self._known()[after]
        self._journal.event(
            TAKEN_BACK,
            {"judgement": repeat.judgement, "after": after, "operator": self._operator},
        )
        del self._known()[after]
        return True

    def _known(self) -> dict[int, Repeat]:
        """By `after`."""
        if self._past is None:
            # One without a name is of a time when a run had one operator.
            past = repeats_of(self._journal.events())
            self._past = {r.after: r for r in past if r.operator in ("", self._operator)}
        return self._past

    def _fits(self, judged: JudgedGroup) -> bool:
        said = judged.judgement
        return (
            isinstance(said.verdict, Scores | Ranking | Rejected)
            and said.mode is self._mode
            and all(repeat.judgement != judged.id for repeat in self._known().values())
        )

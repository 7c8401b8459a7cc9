"""Operators who write down, out of reach of a SIGKILL, what was acknowledged to them.

What they say of a group depends on its texts alone, so a run must end the same however often it was
killed. Now and then they take a judgement back and give it again, or ask for a save.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hitl.operator import Desk, Event, Judged, Notice, Quit, Reply, Save, Undo, Undone
from hitl.records import Group, Judgement, Mode, Scores
from hitl.text import safe

UNDO, SAVE = 0.12, 0.08
"""How often either is asked for in place of a judgement."""

LAST = "the last"
"""In the minutes: the judgement that was acknowledged last."""


def mark_of(prompt: str, texts: Sequence[str]) -> str:
    """A name for a group as it was shown."""
    return hashlib.sha256("\0".join((prompt, *texts)).encode()).hexdigest()[:16]


def shown(group: Group) -> tuple[str, list[str]]:
    """Its prompt and completions, as line mode prints them."""
    return safe(group.prompt.text), [safe(c.text) for c in group.completions]


def scores_of(prompt: str, texts: Sequence[str]) -> tuple[int, ...]:
    """1-5 for each completion, for ever the same for the same texts."""
    chance = random.Random(mark_of(prompt, texts))
    return tuple(chance.randint(1, 5) for _ in texts)


@dataclass(frozen=True)
class Minutes:
    """The side file: a line is in it before `write` returns, whatever the process does next."""

    path: Path

    def write(self, what: str, of: str = "") -> None:
        """One write of a few bytes to an append-only file: whole or not at all."""
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.write(descriptor, (json.dumps([what, of]) + "\n").encode())
        os.close(descriptor)

    def acknowledged(self) -> set[str]:
        """Marks of the groups whose judgement was acknowledged and may not be lost."""
        live: list[str] = []
        before = ""
        for line in self.path.read_text().splitlines() if self.path.exists() else ():
            what, of = json.loads(line)
            if what == "judged" and of not in live:
                live.append(of)
            elif what == "undone" and live:
                live.remove(of if of in live else live[-1])
            elif what == "ended" and before == "undo?" and live:
                live.pop()  # taken back or not: nobody was there to hear of it
            before = what
        return set(live)


class Careful:
    """In the process of the session; judges until the run has `labels`."""

    def __init__(self, minutes: Minutes, labels_left: int, mood: int) -> None:
        self.name = "careful"
        self.leaving = False
        self.notices: list[str] = []
        self._minutes = minutes
        self._left = labels_left
        self._mood = random.Random(mood)
        self._marks: dict[tuple[int, int], str] = {}

    def judge(self, desk: Desk) -> Reply:
        if self._left <= 0:
            return Quit()
        mood = self._mood.random()
        if mood < SAVE:
            return Save()
        if mood < SAVE + UNDO:
            self._minutes.write("undo?")
            return Undo()
        self._marks[desk.group.key] = mark_of(*shown(desk.group))
        return Judgement(
            desk.group.key,
            Scores(tuple(map(float, scores_of(*shown(desk.group))))),
            self.name,
            Mode.SCORE,
            shown=desk.shown,
        )

    def notify(self, event: Event) -> None:
        match event:
            case Judged(judgement):
                self._minutes.write("judged", self._marks[judgement.group])
                self._left -= judgement.labels
            case Undone(judgement):
                # One of an earlier stint comes again, and is judged and noted then.
                self._minutes.write("undone", self._marks.get(judgement.group, LAST))
                self._left += judgement.labels
            case Notice(text):
                self.notices.append(text)

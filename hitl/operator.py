"""What judges groups: a person in the TUI, a person at a pipe, or a simulation.

The session knows only this protocol. It calls `judge` from its own thread and waits there; it may
call `notify` from any thread, so `notify` must return at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from hitl.records import Group, Judgement, Mode, UpdateStats


@dataclass(frozen=True, slots=True)
class Draft:
    """A half-judged group: what was entered so far, one string a completion ("" is none yet)."""

    entries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Desk:
    """What lies before the operator."""

    group: Group
    mode: Mode
    shown: tuple[int, ...]
    """Completion index in each place, top to bottom."""
    batch_labels: int
    """Labels that wait for the next update."""
    batch_size: int
    ready: int
    """Groups sampled and waiting behind this one."""
    draft: Draft | None
    """What was entered before the program stopped or the judgement was undone."""
    save_draft: Callable[[Draft], None]
    """Keeps the entries so far; cheap enough for every key."""


@dataclass(frozen=True, slots=True)
class Undo:
    """Take the last judgement back and show its group again."""


@dataclass(frozen=True, slots=True)
class Resample:
    """Put the group away unjudged and sample its prompt again."""


@dataclass(frozen=True, slots=True)
class Save:
    """Write a checkpoint now."""


@dataclass(frozen=True, slots=True)
class Quit:
    """Save and leave."""


Reply = Judgement | Undo | Resample | Save | Quit


@dataclass(frozen=True, slots=True)
class Waiting:
    """No group is ready; `reason` is what the engine does ("load", "sample", "update", "save")."""

    reason: str


@dataclass(frozen=True, slots=True)
class Progress:
    """The engine is at `done` of `total` steps of `stage` ("load", "sample", "update", "save")."""

    stage: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Judged:
    """The judgement is in the journal; only now may the screen say so."""

    judgement: Judgement
    rewards: tuple[float, ...]
    batch_labels: int


@dataclass(frozen=True, slots=True)
class Undone:
    """The judgement was taken back; its group comes again."""

    judgement: Judgement
    batch_labels: int


@dataclass(frozen=True, slots=True)
class Updated:
    """An update is done and in the journal."""

    stats: UpdateStats


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint is on disk. `version` is the policy's."""

    version: int


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to know, in plain words. `level` is "info", "warning" or "error"."""

    text: str
    level: str = "info"


Event = Waiting | Progress | Judged | Undone | Updated | Saved | Notice


class Operator(Protocol):
    """Judges groups, one at a time."""

    name: str

    @property
    def leaving(self) -> bool:
        """Whether they have asked to go. Work that can be made again any time (loading, updates
        made again from the journal) is broken off then; what they said before is still taken."""

    def judge(self, desk: Desk) -> Reply:
        """Blocks until the operator has said something about the desk's group."""

    def notify(self, event: Event) -> None:
        """Tells the operator what happened; called from any thread, returns at once."""

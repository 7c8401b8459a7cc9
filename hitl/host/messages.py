"""What is said over a connection: what those who joined say, and what the host says."""

from __future__ import annotations

import dataclasses
from typing import Any

from hitl.operator import Draft, Event, OwnPrompt, Quit, Resample, Save, Undo
from hitl.records import Group, Judgement, Mode, UpdateStats
from hitl.tuning import Tune

PROTOCOL = 2
"""Raised when a message changes; host and joined must have the same."""

Key = tuple[int, int]


# --- what the joined say ----------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class Hello:
    """First; and again whenever the connection is made again."""

    protocol: int
    operator: str
    client: str
    """Of the process that joins: it may take its own place again, and nobody else's."""
    holding: Key | None = None
    """The group on the screen."""
    unacknowledged: Judgement | None = None
    """What was sent and may not have come."""


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """The operator's reply to a desk."""

    desk: int
    reply: Judgement | Undo | Resample | OwnPrompt | Tune | Save | Quit


@dataclasses.dataclass(frozen=True, slots=True)
class Entered:
    """What was entered so far for the group of a desk."""

    desk: int
    draft: Draft


@dataclasses.dataclass(frozen=True, slots=True)
class Inspect:
    """Asks for the tokens of a desk's group."""

    desk: int


@dataclasses.dataclass(frozen=True, slots=True)
class Contrast:
    """Asks for texts of base policy and policy."""

    desk: int
    numbers: tuple[int, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """The outcome of a blind test, for the journal."""

    desk: int
    data: dict[str, Any]


Said = Hello | Answer | Entered | Inspect | Contrast | Record


# --- what the host says -----------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class Welcome:
    """They are in: what a screen must know of the run."""

    protocol: int
    run: str
    options: dict[str, Any]
    """See hitl.config.recorded."""
    ppo: dict[str, Any]
    updates: tuple[UpdateStats, ...]
    checkpoint_age: float | None
    """Seconds; None without one."""


@dataclasses.dataclass(frozen=True, slots=True)
class Refused:
    """They are not in."""

    why: str


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """A desk; see there."""

    desk: int
    """Counts desks of this connection."""
    group: Group
    mode: Mode
    shown: tuple[int, ...]
    batch_labels: int
    batch_size: int | None
    ready: int
    draft: Draft | None


@dataclasses.dataclass(frozen=True, slots=True)
class Happened:
    """An event of the session."""

    event: Event


@dataclasses.dataclass(frozen=True, slots=True)
class Recorded:
    """Whether the journal has what was to be recorded."""

    kept: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Bye:
    """The operator has left, and all they said is kept."""


Told = Welcome | Refused | Asked | Happened | Recorded | Bye

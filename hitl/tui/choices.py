"""What can be chosen in the list of runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol


class Summary(Protocol):
    """What the picker shows of a run."""

    @property
    def run(self) -> str: ...
    @property
    def policy(self) -> str: ...
    @property
    def updates(self) -> int: ...
    @property
    def labels(self) -> int: ...
    @property
    def reward(self) -> float | None: ...
    @property
    def age_s(self) -> float: ...
    @property
    def intact(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class ResumeRun:
    """Go on with the run of this name."""

    run: str
    at: int | None = None
    """The update to go back to first; None goes on where it stands."""


@dataclass(frozen=True, slots=True)
class NewRun:
    """Begin a run on the shipped policy of the language."""

    lang: Literal["zh", "en"]


@dataclass(frozen=True, slots=True)
class Leave:
    """Nothing."""


Choice = ResumeRun | NewRun | Leave

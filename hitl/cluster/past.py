"""Where a lost policy is found again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hitl.records import LabelledGroup, UpdateStats


@dataclass(frozen=True)
class Past:
    """A run's checkpoints and journal, as far as they say what the policy was."""

    checkpoint: Callable[[int], tuple[int, Path] | None]
    """The newest intact checkpoint of at most this version; None: begin with the base policy."""
    update: Callable[[int], tuple[Sequence[LabelledGroup], UpdateStats]]
    """The batch of the update of this number, and what was recorded of it."""

"""TensorBoard files of a run."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hitl.records import UpdateStats


class Board:
    """Writes one event a figure and update."""

    def __init__(self, folder: Path, first: int) -> None:
        """`first` is the update that comes next: what an interrupted run left from there on is not
        shown."""
        from torch.utils.tensorboard import SummaryWriter

        writer: Any = SummaryWriter
        self._writer = writer(str(folder), purge_step=first)

    def add(self, stats: UpdateStats, texts: Sequence[str]) -> None:
        """Every number of an update, and some of its texts."""
        for field in dataclasses.fields(stats):
            value = getattr(stats, field.name)
            if isinstance(value, int | float) and field.name != "number":
                self._writer.add_scalar(f"ppo/{field.name}", value, stats.number)
        if texts:
            self._writer.add_text("samples", "\n\n".join(texts), stats.number)

    def close(self) -> None:
        """Writes what is waiting."""
        self._writer.close()

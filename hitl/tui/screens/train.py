"""Training, live."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from hitl.tui.keymap import Key, bindings
from hitl.tui.keymap_visits import TRAIN
from hitl.tui.screens.visit import Visit


class TrainScreen(Visit):
    """Curves."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(TRAIN)]
    WHERE = "train"

    def body(self) -> ComposeResult:
        yield from ()

    def hints(self) -> str:
        return ""

    def help_title(self) -> str:
        return "Training"

    def help_keys(self) -> tuple[Key, ...]:
        return TRAIN

"""The help page, made from the keymap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen

from hitl.tui.content import own
from hitl.tui.keymap import HELP, Key, bindings
from hitl.tui.widgets.line import Line


class HelpScreen(ModalScreen[None]):
    """Every key of the screen below it."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(HELP)]

    def __init__(self, title: str, keys: Sequence[Key]) -> None:
        super().__init__()
        self._title = title
        self._keys = [key for key in keys if key.shown]

    def compose(self) -> ComposeResult:
        width = max(len(key.shown) for key in self._keys)
        lines = [
            own((f"{key.shown:>{width}}", "bold $accent"), f"   {_sentence(key.tooltip)}")
            for key in self._keys
        ]
        with VerticalScroll(id="help") as box:
            box.border_title = own(f"{self._title}: keys")
            yield Line(Content("\n").join(lines), id="help-keys")
            box.border_subtitle = own("Esc goes back")

    def action_close(self) -> None:
        self.dismiss()


def _sentence(tooltip: str) -> str:
    first, colon, rest = tooltip.partition(":")
    return f"{first};{rest}" if colon else first

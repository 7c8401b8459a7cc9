"""The help page, made from the keymap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content

from hitl.tui.content import foreign, own
from hitl.tui.keymap import HELP, Key, bindings, named
from hitl.tui.remap import keymap_path
from hitl.tui.screens.answer import ModalAnswer
from hitl.tui.widgets.line import Line

WIDTH = 63
"""Cells for key and sentence in the box, which is as wide as the narrowest terminal we take."""


class HelpScreen(ModalAnswer[None]):
    """Every key of the screen below it."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(HELP)]

    def __init__(self, title: str, keys: Sequence[Key]) -> None:
        super().__init__()
        self._title = title
        self._keys = [key for key in keys if key.shown]

    def compose(self) -> ComposeResult:
        listed = [self.key(key.id, key.shown) for key in self._keys]
        width = max(map(cell_len, listed))
        lines = []
        for shown, key in zip(listed, self._keys, strict=True):
            does = _sentence(self.tr(key.tooltip, **named(self.key)))
            told = own(f"{does}  ", (key.id, "$frame-text")).wrap(WIDTH - width)
            blank = " " * (width - cell_len(shown))
            lines.append(own(blank, (shown, "bold $accent"), "   ", told[0]))
            lines += [own(" " * (width + 3), more) for more in told[1:]]
        lines += [own(""), own(self.tr("The names in grey are for a file of your own keys,"))]
        example = self.tr("with lines such as  {line}:", line='group.skip = "s"')
        lines += [own(example), own(foreign(str(keymap_path())))]
        with VerticalScroll(id="help") as box:
            box.border_title = own(self.tr("{screen}: keys", screen=self._title))
            yield Line(Content("\n").join(lines), id="help-keys")
            box.border_subtitle = own(self.tr("{key} goes back", key=self.key("help.close", "Esc")))

    def action_close(self) -> None:
        self.dismiss()


def _sentence(tooltip: str) -> str:
    first, colon, rest = tooltip.partition(":")
    return f"{first};{rest}" if colon else first

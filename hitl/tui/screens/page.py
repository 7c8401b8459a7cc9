"""A page of text or a list over a screen, until Esc."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from hitl.tui.content import own
from hitl.tui.keymap import bindings
from hitl.tui.keymap_visits import CHOOSE, PAGE
from hitl.tui.screens.answer import ModalAnswer
from hitl.tui.widgets.line import Line

WIDEST, FRAME = 110, 4
"""Cells of the widest page, as its styles have it, and those of its frame and margins."""


class PageScreen(ModalAnswer[None]):
    """Lines to read."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(PAGE)]

    def __init__(self, title: Content, lines: Callable[[int], Sequence[Content]]) -> None:
        """`lines(width)` are those for so many cells, asked for anew when the terminal changes."""
        super().__init__(classes="page")
        self._title = title
        self._lines = lines

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="page") as box:
            box.border_title = self._title
            box.border_subtitle = own(self.tr("{key} goes back", key=self.key("page.close", "Esc")))
            yield Line(self._laid())

    def on_resize(self) -> None:
        self.query_one(Line).show(self._laid())

    def action_close(self) -> None:
        self.dismiss()

    def _laid(self) -> Content:
        return Content("\n").join(self._lines(min(self.size.width, WIDEST) - FRAME))


class ChooseScreen(ModalAnswer[int | None]):
    """One line of several: dismissed with its place, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(CHOOSE)]

    def __init__(self, title: Content, head: Content, options: Sequence[Content]) -> None:
        super().__init__(classes="page")
        self._title = title
        self._head = head
        self._options = options

    def compose(self) -> ComposeResult:
        with Vertical(id="page") as box:
            box.border_title = self._title
            box.border_subtitle = own(
                self.tr(
                    "{take} takes it · {back} goes back",
                    take=self.key("choose.take", "Enter"),
                    back=self.key("choose.close", "Esc"),
                )
            )
            if self._head:
                yield Line(self._head)
            yield OptionList(*(Option(option) for option in self._options), markup=False)

    def on_mount(self) -> None:
        listing = self.query_one(OptionList)
        listing.highlighted = 0
        listing.focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(event.option_index)

    def action_take(self) -> None:
        self.query_one(OptionList).action_select()

    def action_close(self) -> None:
        self.dismiss(None)

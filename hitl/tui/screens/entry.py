"""Asking for a text over the judging screen: a rewritten completion, a note, a prompt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.geometry import Region

from hitl.tui.content import own
from hitl.tui.keymap import EDITOR, bindings
from hitl.tui.screens.answer import ModalAnswer
from hitl.tui.widgets.entry import Editor, OneLine

LEAST_ROWS, LEAST_COLUMNS = 6, 76


@dataclass(frozen=True, slots=True)
class Entered:
    """What stood in the field when it was left."""

    text: str
    kept: bool
    """Whether it is meant; otherwise the operator went back."""


class EntryScreen(ModalAnswer[Entered]):
    """A frame with a field; Enter keeps, Esc goes back. Subclasses make the field.

    Keys that come before the field is there (a fast hand, an input method that sends a whole
    sentence) are not lost: the app hands them to `type`.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(EDITOR)]

    def __init__(self, title: str, field: Editor | OneLine) -> None:
        super().__init__()
        self._title = title
        self.field = field

    def compose(self) -> ComposeResult:
        with Vertical(id="entry") as box:
            box.border_title = own(self._title)
            box.border_subtitle = own(self.closing())
            yield self.field

    def on_mount(self) -> None:
        self.field.focus()

    def closing(self) -> str:
        """The keys that end it, at the bottom of the frame."""
        return self.tr(
            "{keep} keeps it · {back} goes back",
            keep=self.key("editor.keep", "Enter"),
            back=self.key("editor.back", "Esc"),
        )

    def type(self, text: str) -> None:
        """Puts text into the field, whether it has the focus already or not."""
        self.field.put(text)

    def action_keep(self) -> None:
        self.dismiss(Entered(self.field.held, True))

    def action_back(self) -> None:
        self.dismiss(Entered(self.field.held, False))

    def action_line(self) -> None:
        """Only a field of several lines has a use for it."""


class EditScreen(EntryScreen):
    """Several lines, where the card is that is rewritten."""

    def __init__(self, title: str, text: str, over: Region) -> None:
        super().__init__(title, Editor(text))
        self._over = over

    def on_mount(self) -> None:
        super().on_mount()
        self._place()

    def on_resize(self) -> None:
        self._place()

    def _place(self) -> None:
        """Where the card was, or as near as the terminal has room."""
        box = self.query_one("#entry")
        height = min(max(self._over.height, LEAST_ROWS), self.size.height)
        width = min(max(self._over.width, LEAST_COLUMNS), self.size.width)
        box.styles.width, box.styles.height = width, height
        left = min(self._over.x, self.size.width - width)
        box.styles.offset = (left, max(min(self._over.y, self.size.height - height - 2), 0))

    def closing(self) -> str:
        return self.tr(
            "{keep} keeps it, the best of its group · {line} new line · {back} goes back",
            keep=self.key("editor.keep", "Enter"),
            line=self.key("editor.line", "Ctrl+J"),
            back=self.key("editor.back", "Esc"),
        )

    def action_line(self) -> None:
        self.type("\n")


class LineScreen(EntryScreen):
    """One line, at the bottom."""

    def __init__(self, title: str, text: str) -> None:
        super().__init__(title, OneLine(text))

    def on_input_submitted(self) -> None:
        self.action_keep()

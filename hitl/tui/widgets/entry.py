"""Text fields. They draw what they hold as it is, so nothing gets in that is not safe to draw."""

from __future__ import annotations

from textual import events
from textual.widgets import Input, TextArea

from hitl.tui.content import plain


class Editor(TextArea):
    """Several lines, wrapped. What an input method commits arrives as keys or as a paste."""

    def __init__(self, text: str) -> None:
        super().__init__(plain(text, newlines=True), highlight_cursor_line=False)
        self.cursor_blink = False  # calmer, and nothing is drawn while nothing happens

    def on_mount(self) -> None:
        self.move_cursor(self.document.end)

    async def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        # TextArea's own handler comes after this one.
        event.text = plain(event.text, newlines=True)


class OneLine(Input):
    """One line."""

    def __init__(self, text: str) -> None:
        super().__init__(plain(text), select_on_focus=False)
        self.cursor_blink = False

    def _on_paste(self, event: events.Paste) -> None:
        # Input would keep the first line only.
        event.text = plain(event.text)

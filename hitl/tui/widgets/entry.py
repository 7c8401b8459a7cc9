"""Text fields. They draw what they hold as it is, so nothing gets in that is not safe to draw."""

from __future__ import annotations

from textual import events
from textual.widgets import Input, TextArea

from hitl.tui.content import plain


def edited(field: Input | TextArea, event: events.Key) -> bool:
    """Does what a key of editing does, at once. Textual hands such a key up to the app, which does
    it after the letters that were typed behind it: a fast "⌫4" would take the 4 away."""
    actions = {
        "backspace": field.action_delete_left,
        "delete": field.action_delete_right,
        "left": field.action_cursor_left,
        "right": field.action_cursor_right,
    }
    action = actions.get(event.key)
    if action is None:
        return False
    action()
    event.stop()
    event.prevent_default()
    return True


class Editor(TextArea):
    """Several lines, wrapped. What an input method commits arrives as keys or as a paste."""

    def __init__(self, text: str) -> None:
        super().__init__(plain(text, newlines=True), highlight_cursor_line=False)
        self.cursor_blink = False  # calmer, and nothing is drawn while nothing happens

    def on_mount(self) -> None:
        self.move_cursor(self.document.end)

    @property
    def held(self) -> str:
        """The text as it is."""
        return self.text

    def put(self, text: str) -> None:
        """As if it was typed; at the end while the field is not on the screen yet."""
        at = None if self.is_mounted else self.document.end
        self.insert(plain(text, newlines=True), at)

    async def _on_key(self, event: events.Key) -> None:
        # TextArea would take Enter for a new line; the keys of the screen are for the screen.
        if not edited(self, event) and not event.is_printable:
            event.prevent_default()

    async def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        # TextArea's own handler comes after this one.
        event.text = plain(event.text, newlines=True)


class OneLine(Input):
    """One line."""

    def __init__(self, text: str) -> None:
        super().__init__(plain(text), select_on_focus=False)
        self.cursor_blink = False

    @property
    def held(self) -> str:
        """The text as it is."""
        return self.value

    def put(self, text: str) -> None:
        """As if it was typed."""
        self.insert_text_at_cursor(plain(text))

    async def _on_key(self, event: events.Key) -> None:
        edited(self, event)

    def _on_paste(self, event: events.Paste) -> None:
        # Input would keep the first line only.
        event.text = plain(event.text)

"""A card: one completion, its number, its length and its score box."""

from __future__ import annotations

from textual import events
from textual.app import RenderResult
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from hitl.tui.content import foreign, own
from hitl.tui.translated import Translated


class Card(Translated, Widget):
    """Long text is wrapped and scrolled inside the card, so that cards never move."""

    class Chosen(Message):
        """The card was clicked."""

        def __init__(self, place: int) -> None:
            super().__init__()
            self.place = place

    def __init__(self, place: int) -> None:
        super().__init__()
        self.place = place
        self._text = Content("")
        self._tokens = 0
        self._finished = True
        self._box = Content("")
        self._top = 0
        self._writing = False
        self._unframed = False
        """What it shows was changed while it had no place: its border is still the old one's."""
        self._wrapped: tuple[Content, int, list[Content]] | None = None
        """The text, the width and the lines that they make."""

    def blank(self) -> None:
        """Nothing is on it yet: it is being written."""
        self._text, self._top, self._writing = Content(""), 0, True
        self.mark(own("[ … ]"), current=False, scored=False, wrong=False)
        self.refresh_frame()

    def grow(self, text: str) -> None:
        """What is written so far."""
        grown = _laid(text)
        if grown != self._text:
            self._text = grown
            self.refresh_frame()

    def show(self, text: str, tokens: int, finished: bool) -> None:
        """Another completion."""
        self._text = _laid(text) if text.strip() else Content("")
        self._tokens, self._finished, self._top = tokens, finished, 0
        self._writing = False
        self.refresh_frame()

    def mark(self, box: Content, *, current: bool, scored: bool, wrong: bool) -> None:
        """What stands in the score box, and how the card looks. A key changes one card or two; to
        draw the others again would double what it costs."""
        looks = {"-current": current, "-scored": scored, "-wrong": wrong}
        if self._box.is_same(box) and all(self.has_class(c) == on for c, on in looks.items()):
            return
        self._box = box
        for name, on in looks.items():
            self.set_class(on, name)
        self.refresh_frame()

    def turn(self, pages: int) -> None:
        """Scrolls the text by pages that overlap by a line."""
        room = max(self.size.height, 1)
        self._top += pages * max(room - 1, 1)
        self.refresh_frame()

    def render(self) -> RenderResult:
        if self._unframed and self.size.width >= 12:
            self._unframed = False
            self.call_later(self.refresh_frame)
        lines = self._lines()
        return Content("\n").join(lines[self._top : self._top + self.size.height])

    def refresh_frame(self) -> None:
        """Writes the border's texts anew; the top line carries number, length and score."""
        width = self.size.width
        self._unframed = width < 12
        if self._unframed:  # not laid out: `render` will see to it
            self.refresh()
            return
        lines = self._lines()
        room = self.size.height
        self._top = min(max(self._top, 0), max(len(lines) - room, 0))
        below = len(lines) - room - self._top
        hints = [f"↑ {self._top}"] if self._top else []
        hints += [self.tr("↓ {lines} more", lines=below)] if below > 0 else []
        self.border_subtitle = own(("  ".join(hints), "$frame-text")) if hints else None

        pointer = "▶" if self.has_class("-current") else " "
        number = own((f"{pointer}{self.place + 1}", "bold" if self.has_class("-current") else ""))
        tokens = self.tr("{count} tok", count=self._tokens) + ("" if self._finished else " …")
        length = own(("…" if self._writing else tokens, "$frame-text"))
        # Outer width less corners and the blanks Textual puts around a title.
        fill = width + 2 - 4 - 2
        fill -= number.cell_length + length.cell_length + self._box.cell_length + 4 + 3
        self.border_title = own(number, " ", "─" * max(fill, 1), " ", length, " ─── ", self._box)
        self.refresh()

    def on_resize(self) -> None:
        self.refresh_frame()
        self.stay_in_view()

    def stay_in_view(self) -> None:
        """If it is the one that is judged: it could not be scrolled to while it had no place."""
        if self.has_class("-current"):
            self.scroll_visible(animate=False)

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.post_message(self.Chosen(self.place))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        if self.size.height < len(self._lines()):
            event.stop()
            self._top += 1
            self.refresh_frame()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        if self._top:
            event.stop()
            self._top -= 1
            self.refresh_frame()

    def _lines(self) -> list[Content]:
        if not self._text and not self._writing:
            return [own((self.tr("(nothing: it ended at once)"), "$frame-text italic"))]
        width = max(self.size.width, 2)
        if self._wrapped is None or self._wrapped[0] is not self._text or self._wrapped[1] != width:
            self._wrapped = self._text, width, self._text.wrap(width)
        return self._wrapped[2]


def _laid(text: str) -> Content:
    """Without the blank between the prompt and an English completion, which would indent it."""
    return foreign(text.lstrip(" "), newlines=True).rstrip()

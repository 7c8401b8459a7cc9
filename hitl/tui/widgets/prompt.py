"""The prompt, and what stands in the cards' place while there is no group."""

from __future__ import annotations

import math

from textual.app import RenderResult
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from hitl.tui.content import foreign, own
from hitl.tui.translated import Translated
from hitl.wording import Sentence

ROWS = 2


class PromptLine(Translated, Widget):
    """The prompt on at most two rows; of a longer one the end, where the completions go on."""

    def __init__(self) -> None:
        super().__init__()
        self._number = Content("")
        self._text = Content("")
        self._marks = Content("")

    def mark(self, note: str, flag: bool) -> None:
        """That the group has a flag, and the beginning of its note."""
        short = foreign(note).truncate(16, ellipsis=True)
        marks = own(("[" + self.tr("flag") + "] ", "bold $warning")) if flag else Content("")
        self._marks = own(marks, ("[", "$accent"), short, ("] ", "$accent")) if note else marks
        self._changed()

    def show(self, number: int, text: str) -> None:
        self._number = own((self.tr("Prompt {number}", number=number) + "  ", "$frame-text"))
        self._text = foreign(text, "bold")
        self._changed()

    def clear(self) -> None:
        self._number = self._text = self._marks = Content("")
        self._changed()

    def _changed(self) -> None:
        """Draws it anew, and lays out the screen only if it needs another height."""
        width = self.size.width
        self.refresh(layout=self._height(width) != self.size.height)

    def _height(self, width: int) -> int:
        return min(max(len(self._lines(width)), 1), ROWS)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return self._height(width)

    def render(self) -> RenderResult:
        lines = self._lines(self.size.width)
        if len(lines) > ROWS:
            lines = lines[-ROWS:]
            mark = own("… ", lines[0]).truncate(self.size.width)
            lines[0] = mark
        head = own(self._number, self._marks)
        indent = " " * head.cell_length
        first, *rest = lines or [Content("")]
        return Content("\n").join([own(head, first), *(own(indent, r) for r in rest)])

    def _lines(self, width: int) -> list[Content]:
        if not self._text:
            return []
        head = self._number.cell_length + self._marks.cell_length
        return self._text.wrap(max(width - head, 2))


WAITING = {
    "load": Sentence("Loading the policy"),
    "sample": Sentence("Writing completions"),
    "update": Sentence("Learning from the batch"),
    "save": Sentence("Saving"),
}


class WaitingPanel(Translated, Widget):
    """What the engine does, and since when."""

    def __init__(self) -> None:
        super().__init__()
        self._reason = "load"
        self._seconds = 0.0
        self._done = 0
        self._total = 0
        self._left: float | None = None

    def show(self, reason: str, seconds: float, done: int, total: int, left: float | None) -> None:
        """`left` is how long it will still take, seconds; None when that is not known."""
        self._reason, self._seconds = reason, seconds
        self._done, self._total, self._left = done, total, left
        self.refresh()

    def render(self) -> RenderResult:
        known = WAITING.get(self._reason)
        what = own((self.tr(known), "bold")) if known else foreign(self._reason, "bold")
        time = (
            f"{self._seconds:.0f} s"
            if self._left is None
            else self.tr(
                "{seconds:.0f} s, about {left} s to go",
                seconds=self._seconds,
                left=math.ceil(self._left),
            )
        )
        lines = [own(what, (f" …  {time}", "$frame-text"))]
        if self._total > 0:
            filled = min(24 * self._done // self._total, 24)
            bar = own(("━" * filled, "$accent"), ("━" * (24 - filled), "$frame"))
            lines += [own(bar, (f"  {self._done}/{self._total}", "$frame-text"))]
        return Content("\n").join(lines)

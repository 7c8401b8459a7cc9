"""A titled curve with axes."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import RenderResult
from textual.content import Content
from textual.widget import Widget

from hitl.tui.content import own
from hitl.tui.curves import chart, figure


class Curve(Widget):
    """One figure of every update, the last one in the title."""

    def __init__(self, title: str, unit: str, style: str, *, id: str) -> None:
        super().__init__(id=id)
        self._title, self._unit, self._style = title, unit, style
        self._values: Sequence[float] = ()
        self._first = 1

    def show(self, values: Sequence[float], first: int) -> None:
        """`first` is the number of the first update."""
        self._values, self._first = values, first
        self.refresh()

    def render(self) -> RenderResult:
        width, height = self.size.width - 1, self.size.height
        now = figure(self._values[-1]) if self._values else "–"
        unit = f" {self._unit}" if self._unit else ""
        title = own((self._title, "bold"), " ", (now, self._style), (unit, "$frame-text"))
        if not self._values or height < 3:
            return title.truncate(width)
        rows = chart(self._values, self._first, width, height - 1)
        lines = [own((row.axis, "$frame-text"), Content("")) for row in rows]
        drawn = [
            # Braille is of our own making here; `own` lets all of it pass but the empty cell.
            own(line, (row.curve, self._style if place < len(rows) - 1 else "$frame-text"))
            for place, (line, row) in enumerate(zip(lines, rows, strict=True))
        ]
        return Content("\n").join([title.truncate(width), *drawn])

"""A row or two of text that is Content already."""

from __future__ import annotations

from textual.app import RenderResult
from textual.content import Content
from textual.widget import Widget


class Line(Widget):
    """Shows what it is given; grows with it."""

    DEFAULT_CSS = "Line { height: auto; max-height: 3; padding: 0 1; }"

    def __init__(self, content: Content | None = None, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._content = content or Content("")

    def show(self, content: Content) -> None:
        if not content.is_same(self._content):  # else nothing moves, and nothing is drawn
            self._content = content
            self.refresh(layout=True)

    def render(self) -> RenderResult:
        return self._content

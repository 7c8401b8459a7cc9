"""A text behind a head, wrapped beside it. Pure."""

from __future__ import annotations

from textual.content import Content

from hitl.tui.content import own


def hanging(head: Content, text: Content, width: int) -> list[Content]:
    """Lines of at most `width` cells. Textual would wrap the two as one, and put a Chinese text,
    which has no blanks, below its head."""
    indent = head.cell_length
    first, *rest = text.wrap(max(width - indent, 2)) or [Content("")]
    return [own(head, first), *(own(" " * indent, line) for line in rest)]

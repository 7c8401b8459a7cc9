"""The one door through which foreign text reaches the screen."""

from __future__ import annotations

from rich.cells import cell_len
from textual.content import Content

from hitl.text import safe


def foreign(text: str, style: str = "", *, newlines: bool = False) -> Content:
    """Text that a model, a file or a person wrote, as Content: never parsed as markup, and with
    nothing in it that the terminal would obey."""
    return Content.styled(safe(text, newlines=newlines), style)


def plain(text: str, *, newlines: bool = False) -> str:
    """The same for what a person edits: a text field draws what it holds as it is."""
    return safe(text, newlines=newlines)


def own(*parts: str | Content | tuple[str, str]) -> Content:
    """Our own words, and foreign text that is Content already, one after the other.

    Words go through `safe` too: a figure or a key in them may stem from somewhere else.
    """
    return Content.assemble(*(_safe(part) for part in parts))


def right(text: str, width: int) -> str:
    """Blanks and the text, `width` cells in all: a Chinese character has two."""
    return " " * (width - cell_len(text)) + text


def left(text: str, width: int) -> str:
    """The text and blanks, `width` cells in all."""
    return text + " " * (width - cell_len(text))


def _safe(part: str | Content | tuple[str, str]) -> str | Content | tuple[str, str]:
    match part:
        case str():
            return safe(part)
        case (text, style):
            return safe(text), style
        case _:
            return part

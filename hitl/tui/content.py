"""The one door through which foreign text reaches the screen."""

from __future__ import annotations

from textual.content import Content

from hitl.text import safe


def foreign(text: str, style: str = "", *, newlines: bool = False) -> Content:
    """Text that a model, a file or a person wrote, as Content: never parsed as markup, and with
    nothing in it that the terminal would obey."""
    return Content.styled(safe(text, newlines=newlines), style)


def own(*parts: str | Content | tuple[str, str]) -> Content:
    """Our own words, and foreign text that is Content already, one after the other."""
    return Content.assemble(*parts)

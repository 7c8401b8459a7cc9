"""The operator's own text in place of a completion."""

from __future__ import annotations

import re

from hitl.feedback.typed import UNREADABLE, completions, normalise, quoted, refusal
from hitl.records import Edit
from hitl.text import safe

_PLACE = re.compile(r"\s*(?P<place>[0-9０-９]{1,6})\s+(?P<text>.*)", re.S)


def parse_edit(text: str) -> Edit:
    """The operator's own completion, exactly as written but for the line end."""
    text = text.rstrip("\r\n")
    if not text.strip():
        raise refusal('the edit has no text: write it behind the word, such as "e a good day"')
    if UNREADABLE.search(text) or not safe(text).strip():
        raise refusal("the edit has characters that cannot be read: write it in UTF-8 again")
    return Edit(text)


def edit_of(text: str, count: int) -> Edit:
    """`2 TEXT` rewrites the second completion; a text that begins with a number needs `edit:`."""
    if normalise(text).isdecimal():
        raise refusal(
            'the edit has no text: write it behind the number, such as "edit 1 a good day", or '
            '"edit: {text}" when that is the text',
            text=quoted(text.strip())[1:-1],
        )
    match = _PLACE.fullmatch(text)
    if match is None:
        return parse_edit(text)
    place = int(match["place"])
    if not 1 <= place <= count:
        raise refusal(
            '{place} is none of the {completions}: name one, such as "edit 1 a good day", or write '
            '"edit: {text}"',
            place=place,
            completions=completions(count),
            text=quoted(text.strip())[1:-1],
        )
    return Edit(parse_edit(match["text"]).text, of=place - 1)

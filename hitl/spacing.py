"""Where a space stands between what was there and what goes on from it."""

from __future__ import annotations

import unicodedata

_CLOSING = frozenset(",.;:!?)]}%")


def continuing(prompt: str, text: str) -> str:
    """`text` as a completion of `prompt`: with the space that a sampled one has between two words
    of a script that has spaces. Chinese has none, nor has what closes a sentence."""
    last, first = prompt[-1:], text[:1]
    if not last or not first or last.isspace() or first.isspace() or first in _CLOSING:
        return text
    return text if _wide(last) or _wide(first) else f" {text}"


def _wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in ("W", "F")

"""The one display sanitiser: what a terminal may be given of text that others wrote.

Model, prompt, file and run names can hold escape sequences, bidi overrides, half characters and
invisible marks. Any of them can move the cursor, hide text or break the layout. What is removed
here is removed for display only: training uses token ids, never this text.
"""

from __future__ import annotations

import unicodedata

LONGEST = 20_000
"""Characters kept; more cannot be read on a screen and only costs time."""

MARKS = 4
"""Combining marks kept on one character: enough for every script, too few to climb over lines."""

# Not of category Cf, yet drawn with no width or a width terminals disagree on.
_INVISIBLE = frozenset(
    {
        *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, 0xFFFC),
        *range(0x180B, 0x1810),  # Mongolian variation selectors
        *range(0xFE00, 0xFE10),  # variation selectors
        *range(0xE0000, 0xE1000),  # tags, more variation selectors
    }
)

# Control and format characters (ZWJ and bidi controls among them), lone surrogates, private use
# and unassigned code points: none has a width that every terminal agrees on.
_REMOVED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


def safe(text: str, *, newlines: bool = False) -> str:
    """`text` with nothing in it that a terminal would obey or could not draw.

    Tabs, line ends and odd spaces become spaces; `newlines` keeps line ends as "\\n". Ordinary
    combining marks stay, ZWJ goes (a joined emoji is shown as its parts).
    """
    kept: list[str] = []
    marks = 0
    for character in text[:LONGEST].replace("\r\n", "\n"):
        if " " <= character <= "~":
            kept.append(character)
            marks = 0
            continue
        if character in "\n\r\v\f\x85\u2028\u2029":
            kept.append("\n" if newlines else " ")
            marks = 0
            continue
        if character == "\t":
            kept.append(" ")
            marks = 0
            continue
        category = unicodedata.category(character)
        if category in _REMOVED or ord(character) in _INVISIBLE:
            continue
        if category in ("Mn", "Me"):
            # A mark needs a character to stand on, and a stack of them is a trick.
            if marks >= MARKS or not kept or kept[-1] in " \n":
                continue
            marks += 1
            kept.append(character)
            continue
        marks = 0
        # The ideographic space is a space of Chinese text, two cells wide everywhere.
        kept.append(" " if category == "Zs" and character != "\u3000" else character)
    if len(text) > LONGEST:
        kept.append("…")
    return "".join(kept)

"""What is typed, made readable; and the one sentence for what is not."""

from __future__ import annotations

import re
import unicodedata
from types import MappingProxyType

from hitl.errors import UsageError
from hitl.text import safe
from hitl.wording import Sentence


class FeedbackError(UsageError):
    """A line that says nothing usable: one sentence, what was wrong and what is expected."""


# The signs an IME or a typographic keyboard makes of comma, minus, dot and comparison, as far as
# NFKC leaves them alone.
_ASCII = MappingProxyType(
    dict.fromkeys(map(ord, "、；;؛"), ",")
    | dict.fromkeys(map(ord, "−–—‐‒―"), "-")
    | dict.fromkeys(map(ord, "。·"), ".")
    | dict.fromkeys(map(ord, "〉》≻"), ">")
)
# ASCII digits only: float() would also read "nan", "1_000" and the digits of other scripts.
NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[-+]?[0-9]+)?", re.I)

UNREADABLE = re.compile("[\ud800-\udfff\ufffd]")  # what is left of bytes in another encoding


def normalise(text: str) -> str:
    """`text` with full-width forms and the variants of comma, minus, dot and space in ASCII, no
    invisible characters (a byte-order mark leads many files), and no space at either end."""
    # Where "_" was meant, a Chinese IME writes two dashes.
    plain = unicodedata.normalize("NFKC", text).replace("\u2014\u2014", "_").translate(_ASCII)
    return "".join(c for c in plain if unicodedata.category(c) != "Cf").strip()


def readable(what: Sentence, text: str) -> str:
    """The text, if it came in UTF-8. Raises FeedbackError, which calls it `what`."""
    if UNREADABLE.search(text):
        raise refusal("the {what} has characters that cannot be read: write it in UTF-8", what=what)
    return text


def quoted(token: str) -> str:
    """As a sentence shows what was typed: harmless, and not all of a long one."""
    short = safe(token)
    return f'"{short[:20]}…"' if len(short) > 20 else f'"{short}"'


def completions(count: int) -> Sentence:
    """So many, in words."""
    if count == 1:
        return Sentence("1 completion")
    return Sentence("{count} completions", count=count)


def refusal(template: str, /, **values: object) -> FeedbackError:
    """To be raised, in the words of the catalogue."""
    return FeedbackError(Sentence(template, **values))

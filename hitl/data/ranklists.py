"""Rank list TSV: no header, one list a line, best to worst, tab-separated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hitl.data.ranked import Ranked, without_repeats
from hitl.data.rows import Account, lines


def rank_lists(path: Path, account: Account) -> Iterator[Ranked]:
    """The lists of a file, of any length from two.

    A field is the text as it stands: a leading "1." is part of it, and so are the single spaces
    between characters that an older labelling tool wrote. Empty fields are left out, and so is a
    text that stands in its list before: it cannot be better than itself.
    """
    for number, line in lines(path, account):
        texts = without_repeats([field.strip() for field in line.split("\t") if field.strip()])
        if len(texts) < 2:
            account.refuse(number, "has fewer than two different texts between tabs")
            continue
        account.good += 1
        yield Ranked("", tuple((text,) for text in texts))

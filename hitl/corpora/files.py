"""The user's own texts: files of one text a line, tables, and folders of labelled files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from hitl.corpora.texts import CorpusError, Example, Shares, part_of
from hitl.data.labelled import OBJECTS, TABLES, Labelled, labelled_texts
from hitl.data.rows import Account, BadRows, lines
from hitl.scale import Scale


def own_texts(
    path: Path,
    shares: Shares,
    labels: Scale | None,
    bad_rows: BadRows,
    tell: Callable[[str], None],
) -> list[Example]:
    """The distinct texts of a file or folder. Raises DataError; see `load_corpus`."""
    account = Account(path)
    seen: dict[str, Example] = {}
    for row in _rows(path, account, labels):
        part = part_of(row.text, shares)
        seen.setdefault(row.text, Example(row.text, row.label, None, path.name, part))
    account.settle(bad_rows)
    for line in account.lines():
        tell(line)
    return list(seen.values())


def _rows(path: Path, account: Account, labels: Scale | None) -> Iterator[Labelled]:
    suffix = path.suffix.lower()
    if path.is_dir() or suffix in (*TABLES, *OBJECTS):
        yield from labelled_texts(path, account, labels)
    elif suffix in {".txt", ""}:
        for _, line in lines(path, account):
            account.good += 1
            yield Labelled(line.strip(), None)
    else:
        raise CorpusError(f"{path} ends in {suffix}: use .txt, .csv, .tsv or .jsonl")

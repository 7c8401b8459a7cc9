"""Which kind of data a name stands for, seen from the first line of the file that says it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from hitl.corpora import NAMED
from hitl.data.labelled import OBJECTS, TABLES, review_folders
from hitl.data.preferences import is_preference
from hitl.data.rows import Account, DataError, json_objects, lines
from hitl.rundir import RunDir, is_run

Kind = Literal["texts", "ranklist", "pairs", "run"]


def kind_of(data: str, root: Path) -> Kind:
    """The kind of `data`: a file, a folder, a named corpus, or a run in `root`.

    Raises DataError when there is nothing of that name, or when it cannot be told.
    """
    path = Path(data)
    if data in NAMED:
        return "texts"
    if run_of(data, root) is not None:
        return "run"
    if not path.exists():
        raise DataError(
            f"no data {data!r}: give a .tsv of rank lists, a .jsonl of chosen and rejected, a file "
            f"of labelled texts, or a run of {root}"
        )
    if path.is_dir():
        if review_folders(path):
            return "texts"
        raise DataError(
            f"{data} is neither a run nor a folder with pos and neg in it: give one of these, or a "
            "file"
        )
    suffix = path.suffix.lower()
    first = next(lines(path, Account(path)), None)
    if first is None:
        raise DataError(
            f"{path} is no data: it is empty, or not UTF-8; give another, or save it as UTF-8"
        )
    if suffix in OBJECTS or first[1].lstrip().startswith("{"):
        account = Account(path)
        row = next(json_objects(path, account), None)
        if row is None:
            account.settle("skip")  # says what is wrong with its lines
        return "pairs" if row and is_preference(row[1]) else "texts"
    return _kind_of_line(first[1], suffix)


def run_of(data: str, root: Path) -> RunDir | None:
    """The run that `data` names, in `root` or by its path."""
    if RunDir.exists(root, data):
        return RunDir.open(root, data)
    path = Path(data)
    return RunDir.open(path.parent, path.name) if is_run(path) else None


def _kind_of_line(line: str, suffix: str) -> Kind:
    if suffix in TABLES:
        separator = "\t" if suffix == ".tsv" else ","
        header = [name.strip().strip('"') for name in line.split(separator)]
        if "text" in header or suffix == ".csv":
            return "texts"
    return "ranklist" if "\t" in line else "texts"

"""Texts, with their labels where those are wanted: CSV, TSV, JSONL, or folders pos and neg with a
text a file (aclImdb)."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hitl.data.rows import LONGEST, Account, DataError, json_objects, lossy_lines
from hitl.scale import Scale

UNIT = Scale(0.0, 1.0)
TABLES = (".csv", ".tsv")
OBJECTS = (".jsonl", ".json")


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text, and how good it was called: 0 worst, 1 best, None not at all."""

    text: str
    label: float | None


def labelled_texts(path: Path, account: Account, labels: Scale | None = UNIT) -> Iterator[Labelled]:
    """The texts of a file with `text` and, if any, `label`; `labels` is the range of the latter,
    brought to 0..1. None is for who wants the texts alone: whatever a label holds is not read.
    Raises DataError when the file cannot be read or has no such column."""
    for line, text, label in _rows(path, account):
        if not isinstance(text, str) or not text.strip():
            account.refuse(line, "has no text")
            continue
        share: float | None = None
        if labels is not None and label is not None and label != "":
            value = _number(label)
            if not labels.low <= value <= labels.high:
                account.refuse(line, f"has label {label!r}: a label is {_range(labels)}")
                continue
            share = (value - labels.low) / (labels.high - labels.low)
        account.good += 1
        yield Labelled(text.strip(), share)


def review_folders(path: Path) -> tuple[Path, Path] | None:
    """The folders pos and neg of `path`, or of its folder train, as aclImdb has them."""
    for folder in (path, path / "train"):
        if (folder / "pos").is_dir() and (folder / "neg").is_dir():
            return folder / "pos", folder / "neg"
    return None


def _rows(path: Path, account: Account) -> Iterator[tuple[int, object, object]]:
    """(line, text, label) as they stand."""
    suffix = path.suffix.lower()
    if path.is_dir():
        yield from _folder_rows(path, account)
    elif suffix in TABLES:
        yield from _table_rows(path, account, "\t" if suffix == ".tsv" else ",")
    elif suffix in OBJECTS:
        for number, row in json_objects(path, account):
            yield number, row.get("text"), row.get("label")
    else:
        raise DataError(f"{path} ends in {suffix or 'nothing'}: use .csv, .tsv or .jsonl")


def _table_rows(
    path: Path, account: Account, delimiter: str
) -> Iterator[tuple[int, object, object]]:
    damaged: set[int] = set()
    reader = csv.DictReader(lossy_lines(path, damaged), delimiter=delimiter)
    if not reader.fieldnames:
        return
    if "text" not in reader.fieldnames:
        what = "name the column text, and label if there are any, in the first line"
        if delimiter == "\t":
            what += ", or write rank lists: two texts a line or more, with tabs between them"
        raise DataError(
            f"{path} has no column 'text' (its header is {', '.join(reader.fieldnames)[:80]}): "
            f"{what}"
        )
    while True:
        before = reader.line_num
        try:
            row = next(reader, None)
        except csv.Error as error:  # a quote that is never closed, mostly
            account.refuse(reader.line_num, f"is no row ({error}; is a quote left open?)")
            continue
        if row is None:
            return
        if damaged and any(line in damaged for line in range(before + 1, reader.line_num + 1)):
            account.refuse(reader.line_num, "is not UTF-8")
        else:
            yield reader.line_num, row.get("text"), row.get("label")
        damaged.clear()


def _folder_rows(path: Path, account: Account) -> Iterator[tuple[int, object, object]]:
    folders = review_folders(path)
    if folders is None:
        raise DataError(f"{path} is a folder without pos and neg in it: give a file, or aclImdb")
    number = 0
    for folder, label in zip(folders, (1.0, 0.0), strict=True):
        for file in sorted(folder.glob("*.txt")):
            number += 1
            if file.stat().st_size > LONGEST:
                account.refuse(number, f"({file.name}) is longer than {LONGEST >> 20} MB")
                continue
            try:
                text = file.read_bytes().decode("utf-8-sig")
            except UnicodeDecodeError:
                account.refuse(number, f"({file.name}) is not UTF-8")
                continue
            yield number, text.replace("<br />", " "), label


def _number(label: object) -> float:
    try:
        return float(label)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _range(labels: Scale) -> str:
    if labels == UNIT:
        return "0 (negative) to 1 (positive)"
    return f"{labels.low:g} to {labels.high:g}"

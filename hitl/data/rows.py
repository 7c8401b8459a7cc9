"""Lines of a file the user brought, one at a time, and an account of those that cannot be used.

Nothing holds more than one line, so that a file may be larger than the memory.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from hitl.errors import UsageError

BadRows = Literal["refuse", "skip"]
SHOWN = 5
"""Bad rows that are told one by one; the others are only counted."""
LONGEST = 1 << 22
"""A longer line, in bytes, is no row of texts, and is not read into memory."""

_WIDE_MARKS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class DataError(UsageError):
    """A file that cannot be used; the message says where and what to do."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be used."""

    line: int
    """From 1; of a record over several lines, the last of them."""
    why: str


@dataclass(slots=True)
class Account:
    """What a reader met: good rows, and bad ones with the first few told."""

    path: Path
    good: int = 0
    bad: int = 0
    shown: list[BadRow] = field(default_factory=list)

    def refuse(self, line: int, why: str) -> None:
        """Counts a bad row."""
        self.bad += 1
        if len(self.shown) < SHOWN:
            self.shown.append(BadRow(line, why))

    def lines(self) -> list[str]:
        """The bad rows as told to a person; empty when there were none."""
        told = [f"{self.path} line {row.line} {row.why}" for row in self.shown]
        more = self.bad - len(told)
        return [*told, f"{self.path}: {_bad_rows(more, 'more ')}"] if more else told

    def settle(self, bad_rows: BadRows) -> None:
        """After the last row. Raises DataError when there was none, or a bad one under "refuse"."""
        said = "; ".join(f"line {row.line} {row.why}" for row in self.shown)
        said += "; …" if self.bad > len(self.shown) else ""
        if not self.good:
            if not self.bad:
                raise DataError(f"{self.path} is no data: it is empty, give another file")
            raise DataError(
                f"{self.path} is no data: none of its {self.bad:,} rows can be used ({said}); mend "
                "them, or give another file"
            )
        if self.bad and bad_rows == "refuse":
            raise DataError(
                f"{self.path} has {_bad_rows(self.bad)} of {self.good + self.bad:,} ({said}): mend "
                f"{'it, or leave it' if self.bad == 1 else 'them, or leave them'} out with "
                "--bad-rows skip"
            )


def _bad_rows(count: int, more: str = "") -> str:
    return f"{count:,} {more}bad row{'' if count == 1 else 's'}"


def lines(path: Path, account: Account) -> Iterator[tuple[int, str]]:
    """(number, text without its end) of each line that holds something, from 1.

    A byte-order mark is taken off; lines that are not UTF-8, or too long to be one of texts, are
    refused. Raises DataError for a file that cannot be read, or is UTF-16 or UTF-32.
    """
    for number, line, why in _all_lines(path):
        if why:
            account.refuse(number, why)
        elif line.strip():
            yield number, line


def lossy_lines(path: Path, damaged: set[int]) -> Iterator[str]:
    """Every line with its end, for a reader of records over several lines. What is not UTF-8 comes
    with U+FFFD in its place, and its number is put into `damaged`."""
    for number, line, why in _all_lines(path):
        if why:
            damaged.add(number)
        yield f"{line}\n"


def json_objects(path: Path, account: Account) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line, object) of a file with one JSON object a line. Their texts are whole: half a
    character, which JSON can write and no tokeniser can read, is refused."""
    for number, line in lines(path, account):
        try:
            row = json.loads(line)
            halved = "\\u" in line and not _whole(row)  # no other way to write it in UTF-8
        except json.JSONDecodeError as error:
            account.refuse(number, f"is not JSON ({error.msg})")
        except ValueError:  # Python reads no number of thousands of digits
            account.refuse(number, "has a number of too many digits")
        except RecursionError:
            account.refuse(number, "is not JSON (nested too deep)")
        else:
            if not isinstance(row, dict):
                account.refuse(number, "is not a JSON object")
            elif halved:
                account.refuse(number, "holds half a character (\\ud800 to \\udfff, alone)")
            else:
                yield number, row


def _whole(row: Any) -> bool:
    """Whether all that it holds, names and what is nested too, can be written as UTF-8."""
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _all_lines(path: Path) -> Iterator[tuple[int, str, str]]:
    """(number, line without its end, why it is bad or "")."""
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        raise DataError(f"no file {path}: check the path") from None
    except IsADirectoryError:
        raise DataError(f"{path} is a folder: give a file") from None
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}): give yourself the right to, or another file"
        ) from None
    with stream:
        number = 0
        while raw := stream.readline(LONGEST + 1):
            number += 1
            if number == 1:
                if raw.startswith(_WIDE_MARKS):
                    raise DataError(f"{path} is UTF-16 or UTF-32: save it as UTF-8")
                raw = raw.removeprefix(codecs.BOM_UTF8)
            if len(raw) > LONGEST:
                while raw and not raw.endswith(b"\n"):
                    raw = stream.readline(LONGEST + 1)
                yield number, "", f"is longer than {LONGEST >> 20} MB"
                continue
            content = raw.rstrip(b"\r\n")
            try:
                yield number, content.decode(), ""
            except UnicodeDecodeError:
                yield number, content.decode(errors="replace"), "is not UTF-8"

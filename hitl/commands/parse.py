"""Words of the command line -> a command's options, or one sentence that says what is wrong."""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Iterator, Sequence
from typing import TypeVar

import tyro

from hitl.errors import UsageError

T = TypeVar("T")

_HELP = frozenset({"-h", "--help"})
_RULE = re.compile(r"^[│ ]*─+[│ ]*$", re.M)
# What Python and tyro say, and what a user would.
_SAYINGS = (
    (r"^Error parsing (?!-)\S+: ", ""),
    (r"^Error parsing (\S+): ", r"\1: "),
    (r"invalid literal for int\(\) with base 10: ", "not a whole number: "),
    (r"could not convert string to float: ", "not a number: "),
    (r"^invalid choice (.*) for argument '(.*)'\. Expected one of \((.*)\)\.", r"\2 \1: choose \3"),
    (r"no type matching \S+FLOAT could be instantiated from \[(.*?)\].*", r"not a number: \1"),
    (r"no type matching \S+INT could be instantiated from \[(.*?)\].*", r"not a whole number: \1"),
    (r"^Missing value for argument '(.*?)'.*", r"\1 has no value"),
    (r"^Missing from .*?: ", "missing: "),
    (r"^Unrecognized options: ", "unknown: "),
)


def parse(kind: type[T], name: str, words: Sequence[str]) -> T:
    """The options of command `name`. Help is printed, and ends with SystemExit(0).

    Raises UsageError for words that cannot be taken.
    """
    if _HELP.intersection(words):
        return _tyro(kind, name, words)
    said = io.StringIO()
    try:
        with _unwrapped(), contextlib.redirect_stderr(said):
            return _tyro(kind, name, words)
    except SystemExit:
        raise UsageError(_sentence(said.getvalue(), name)) from None


def _tyro(kind: type[T], name: str, words: Sequence[str]) -> T:
    return tyro.cli(
        kind, prog=f"hitl {name}", args=list(words), config=(tyro.conf.FlagCreatePairsOff,)
    )


@contextlib.contextmanager
def _unwrapped() -> Iterator[None]:
    """tyro draws its errors in a box as wide as the terminal: a wide one keeps sentences whole."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "1000"
    try:
        yield
    finally:
        del os.environ["COLUMNS"]
        if before is not None:
            os.environ["COLUMNS"] = before


def _sentence(box: str, name: str) -> str:
    """tyro's box as one line: what is wrong, the nearest option, where the options are listed."""
    # The box: a title, what is wrong, and behind rules the help of the option and other advice.
    parts = [_inside(part) for part in _RULE.split(box)]
    wrong = [line for line in parts[0] if not line.startswith(" " * 8)]
    missing = ", ".join(line.strip() for line in wrong[1:] if line.startswith(" "))
    text = " ".join(line.strip() for line in wrong) if not missing else f"{wrong[0]} {missing}"
    for pattern, saying in _SAYINGS:
        text = re.sub(pattern, saying, text)
    if "Error parsing" in box and not re.search(r"Error parsing -", box):
        return text  # of our own checks, which say what to do
    near = [line.strip() for part in parts[1:] for line in part if line.startswith("    --")]
    meant = f", did you mean {near[0].split()[0]}?" if near and "unknown" in text else ":"
    return f"{text}{meant} `hitl {name} --help` lists the options"


def _inside(part: str) -> list[str]:
    """The lines within the box's frame, without its corners, sides and title."""
    lines = [line for line in part.splitlines() if line.startswith("│")]
    return [text for line in lines if (text := line.strip("│")[1:].rstrip())]

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
_RULE = re.compile(r"^ *-{4,} *$", re.M)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
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


def parse(kind: type[T], name: str, words: Sequence[str], default: T | None = None) -> T:
    """The options of command `name`, in place of those of `default` if there is one. Help is
    printed, and ends with SystemExit(0).

    Raises UsageError for words that cannot be taken.
    """
    words = [_at_home(word) for word in words]
    if _HELP.intersection(words):
        return _tyro(kind, name, words, default)
    said = io.StringIO()
    try:
        # Without a terminal on stdout, tyro frames its errors with spaces and hyphens.
        with _unwrapped(), contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            return _tyro(kind, name, words, default)
    except SystemExit:
        raise UsageError(_sentence(_COLOUR.sub("", said.getvalue()), name)) from None


def _at_home(word: str) -> str:
    """`--out=~/x` with the home folder in it: a shell puts it there only behind a space."""
    option, equals, value = word.partition("=")
    if option.startswith("--") and (value == "~" or value.startswith("~/")):
        return f"{option}{equals}{os.path.expanduser(value)}"
    return word


def _tyro(kind: type[T], name: str, words: Sequence[str], default: T | None) -> T:
    prog, config = f"hitl {name}".strip(), (tyro.conf.FlagCreatePairsOff,)
    if default is None:
        return tyro.cli(kind, prog=prog, args=list(words), config=config)
    return tyro.cli(kind, prog=prog, args=list(words), default=default, config=config)


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
    # In the box, with a rule behind each: a title, what is wrong, the option's help, other advice.
    _, *parts = ([row[2:].rstrip() for row in part.splitlines()] for part in _RULE.split(box))
    wrong = [row for row in (parts[0] if parts else []) if row and not row.startswith(" " * 8)]
    needed = ", ".join(row.strip() for row in wrong if row.startswith(" "))
    text = " ".join([*(row for row in wrong if not row.startswith(" ")), needed]).strip()
    ours = re.match(r"Error parsing (?!-)", text)
    for pattern, saying in _SAYINGS:
        text = re.sub(pattern, saying, text)
    if ours:
        return text  # of our own checks, which say what to do
    prog = f"hitl {name}".strip()
    near = [row.split()[0] for part in parts[1:] for row in part if row.startswith("    --")]
    meant = f", did you mean {near[0]}?" if near and "unknown" in text else ":"
    return f"{text or 'not understood'}{meant} `{prog} --help` lists the options"

"""The terminal while the app has it: C libraries that write to fd 2 must not reach the screen."""

from __future__ import annotations

import contextlib
import os
import sys
import termios
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def quiet_stderr(log: Path | None) -> Iterator[None]:
    """Sends file descriptor 2 to `log` (or nowhere) and leaves the app its way to the terminal.

    Textual draws on `sys.__stderr__`, so that gets a descriptor of its own. Everything is put back
    at the end.
    """
    if not _on_terminal():
        yield
        return
    sys.stderr.flush()
    terminal = os.dup(2)
    target = log if log is not None else Path(os.devnull)
    target.parent.mkdir(parents=True, exist_ok=True)
    sink = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    before = sys.__stderr__
    screen = os.fdopen(terminal, "w", encoding="utf-8", closefd=False)
    try:
        os.dup2(sink, 2)
        os.close(sink)
        sys.__stderr__ = screen  # type: ignore[misc]
        yield
    finally:
        sys.__stderr__ = before  # type: ignore[misc]
        with contextlib.suppress(OSError):  # the terminal may have gone away
            screen.flush()
        os.dup2(terminal, 2)
        os.close(terminal)


def abandon() -> None:
    """For a terminal that has gone away: what is read from it or written to it goes nowhere.

    Otherwise Textual's input thread would spin on the dead descriptor, and its output thread die of
    an error and leave the app waiting for it for ever.
    """
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (sys.__stdin__, sys.__stdout__, sys.__stderr__):
        if stream is not None:
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def lost() -> bool:
    """Whether the terminal has gone away."""
    try:
        termios.tcgetattr(0)
    except (termios.error, OSError):
        return True
    return False


def _on_terminal() -> bool:
    try:
        return os.isatty(2)
    except OSError:
        return False

"""The terminal while the app has it: C libraries that write to fd 2 must not reach the screen."""

from __future__ import annotations

import contextlib
import os
import sys
import termios
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def drawing(log: Path | None) -> Iterator[None]:
    """Gives the app a way of its own to the terminal, and keeps all else off it.

    Textual draws on `sys.__stderr__`, which is fd 2. So that gets another descriptor of the
    terminal. What libraries write to fd 2 goes to `log` (or nowhere), unless the user sent fd 2
    somewhere (`hitl 2>errors`): then it goes there. Everything is put back at the end.
    """
    terminal = _terminal()
    if terminal is None:
        yield
        return
    before = sys.__stderr__
    screen = os.fdopen(terminal, "w", encoding="utf-8", closefd=False)
    try:
        sys.__stderr__ = screen  # type: ignore[misc]
        with _fd_2_to(log) if _is_terminal(2) else contextlib.nullcontext():
            yield
    finally:
        sys.__stderr__ = before  # type: ignore[misc]
        with contextlib.suppress(OSError):  # the terminal may have gone away
            screen.flush()
        os.close(terminal)


@contextlib.contextmanager
def _fd_2_to(log: Path | None) -> Iterator[None]:
    sys.stderr.flush()
    target = log if log is not None else Path(os.devnull)
    target.parent.mkdir(parents=True, exist_ok=True)
    saved = os.dup(2)
    sink = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(sink, 2)
    os.close(sink)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


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


def _terminal() -> int | None:
    """A new descriptor of the terminal; None when there is none."""
    for descriptor in (1, 2):
        if _is_terminal(descriptor):
            return os.dup(descriptor)
    return None


def _is_terminal(descriptor: int) -> bool:
    try:
        return os.isatty(descriptor)
    except OSError:
        return False

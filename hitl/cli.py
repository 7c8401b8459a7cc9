"""The command line: how it begins, and how errors end.

Nothing heavy is imported here, not even the options: `hitl` alone opens its screen at once.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

import hitl
from hitl.errors import HitlError
from hitl.importing import importing
from hitl.text import safe


def program() -> NoReturn:
    """The process `hitl`: ends it with the command's exit code. Someone who left while torch was
    being imported does not wait for that: what they left is complete on disk."""
    code = main()
    from hitl.engine import abandoned

    if abandoned():
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    sys.exit(code)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code: 0 good, 1 failed, 2 usage, 130 interrupted."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    # Waiting OpenMP threads would spin on the core that the screen or another job needs.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Textual lets up to two frames pass between two pictures. At its 60 a second a key that is
    # pressed just after the engine's progress was drawn waits 33 ms for its own.
    os.environ.setdefault("TEXTUAL_FPS", "120")
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal of another encoding shows "?" for what it lacks.
        sys.stdout.reconfigure(errors="replace")
    try:
        code = _run(words)
        sys.stdout.flush()  # here, where a reader that has gone is no news
        return code
    except SystemExit as end:  # help was printed
        return int(end.code or 0)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone; Python would complain of it at exit once more.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if debug:
            traceback.print_exc()
        print(f"hitl: {_one_line(error)}", file=sys.stderr)
        return error.exit_code if isinstance(error, HitlError) else 1


def _one_line(error: Exception) -> str:
    """What happened and what to do."""
    if isinstance(error, HitlError):
        text = str(error)
    elif isinstance(error, OSError) and error.strerror:
        where = f": {error.filename}" if error.filename else ""
        text = f"{error.strerror}{where}{_advice(error.errno)}"
    else:
        text = f"{type(error).__name__}: {error}: please report it, with what --debug shows"
    return safe(" ".join(text.split()))


def _advice(number: int | None) -> str:
    """What can be done about an error of the system that nobody foresaw."""
    if number in (errno.ENOSPC, errno.EDQUOT):
        return ": make room, then `hitl resume`; no judgement that was kept is lost"
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return ": give yourself the right to it, or choose another place"
    if number in (errno.ENOENT, errno.ENOTDIR, errno.EISDIR):
        return ": check the path"
    return ": try again; --debug shows where it happened"


def _run(words: list[str]) -> int:
    if words == ["--version"]:
        print(f"hitl {hitl.__version__}")
        return 0
    if not words:
        with importing():
            from hitl.commands.home import home

        return home()
    with importing():
        from hitl.commands.dispatch import dispatch

    return dispatch(words)

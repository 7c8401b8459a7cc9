"""The program on a real (pseudo) terminal, with an engine slow enough to be met at its work.

Called by the driver: this process plays the terminal, and its fork is the program.
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyte

from hitl.cli import main

from .driver import ROOT

PATIENCE_S = 100.0


def sit(folder: str, words: Sequence[str], slow: str, slow_s: float, plan: Sequence[Sequence[str]],
        ) -> dict[str, Any]:  # fmt: skip
    """`hitl WORDS` by a plan of steps: ("see", text), ("type", keys), ("met", stage) waits until
    the engine is at a stage, ("signal", name), ("wait", seconds), ("hang up", ""). `slow` is the
    stage ("import", "load", "update", "save") that takes `slow_s` seconds longer.

    Returns the exit code, the screen, whether the terminal is as it was, and the stages met."""
    process, terminal = pty.fork()
    if process == 0:
        _program(folder, words, slow, slow_s)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    seat = _Seat(process, terminal, Path(folder, "stages"))
    for what, with_what in plan:
        match what:
            case "see":
                seat.until(lambda text=with_what: text in seat.text, f"{with_what!r} on the screen")
            case "met":
                seat.until(lambda stage=with_what: stage in seat.stages(), f"the {with_what}")
            case "type":
                os.write(terminal, with_what.encode())
            case "signal":
                os.kill(process, getattr(signal, with_what))
            case "wait":
                seat.read_for(float(with_what))
            case "hang up":
                os.close(terminal)
                seat.terminal = -1
    asked = time.monotonic()
    seat.until(lambda: seat.code is not None, "the end")
    return {
        "code": seat.code,
        "seconds": time.monotonic() - asked,
        "text": seat.text,
        "restored": seat.restored(),
        "stages": seat.stages(),
    }


class _Seat:
    """In front of the terminal."""

    def __init__(self, process: int, terminal: int, log: Path) -> None:
        self.process, self.terminal, self._log = process, terminal, log
        self._screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self._screen)
        self._raw = b""
        self._before = termios.tcgetattr(terminal)
        self.code: int | None = None

    @property
    def text(self) -> str:
        return "\n".join(self._screen.display)

    def stages(self) -> list[str]:
        return self._log.read_text().split() if self._log.exists() else []

    def read_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._step()

    def until(self, true: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + PATIENCE_S
        while not true():
            assert time.monotonic() < end and (self.code is None or what == "the end"), (
                f"waited for {what} (code {self.code}):\n{self.text}"
            )
            self._step()
        self._step()

    def restored(self) -> bool:
        """Main screen, cursor, no mouse, and the line discipline of before."""
        if self.terminal < 0:
            return True
        raw = self._raw
        if b"\x1b[?1049h" in raw and not (
            raw.rindex(b"\x1b[?1049l") > raw.rindex(b"\x1b[?1049h")
            and raw.rindex(b"\x1b[?25h") > raw.rindex(b"\x1b[?25l")
            and raw.rindex(b"\x1b[?1000l") > raw.rindex(b"\x1b[?1000h")
        ):
            return False
        return bool(termios.tcgetattr(self.terminal) == self._before)

    def _step(self) -> None:
        if self.terminal >= 0 and select.select([self.terminal], [], [], 0.02)[0]:
            with suppress(OSError):
                piece = os.read(self.terminal, 65536)
                self._raw += piece
                self._stream.feed(piece)
        elif self.terminal < 0:
            time.sleep(0.02)
        if self.code is None:
            gone, status = os.waitpid(self.process, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if gone else None


def _program(folder: str, words: Sequence[str], slow: str, slow_s: float) -> None:
    code = 70
    try:
        os.chdir(folder)
        os.environ["TERM"] = "xterm-256color"
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # A shell's background job has SIGINT ignored, and so would all it starts.
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for name, number, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
            raw = io.FileIO(number, mode, closefd=False)
            buffered = io.BufferedReader(raw) if mode == "r" else io.BufferedWriter(raw)
            stream = io.TextIOWrapper(buffered, "utf-8", line_buffering=mode == "w")
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
        if slow == "import":
            _begin_anew(Path(folder), words, slow_s)
        _slow_down(Path(folder, "stages"), slow, slow_s)
        code = main(words)
        sys.stdout.flush()
    except BaseException as error:
        Path(folder, "program").write_text(repr(error))
        code = 71
    finally:
        os._exit(code)


def _begin_anew(folder: Path, words: Sequence[str], slow_s: float) -> None:
    """Becomes a process without torch, which `import torch` holds up."""
    torch = folder / "slow" / "torch" / "__init__.py"
    torch.parent.mkdir(parents=True)
    torch.write_text(
        "import time\n"
        f"with open({str(folder / 'stages')!r}, 'a') as stream:\n"
        "    stream.write('import\\n')\n"
        f"time.sleep({slow_s})\n"
        "raise ImportError('there is no torch here')\n"
    )
    path = f"{torch.parent.parent}:{ROOT}"
    words = [sys.executable, "-m", "hitl", *words]
    os.execve(sys.executable, words, os.environ | {"PYTHONPATH": path})


def _slow_down(log: Path, slow: str, slow_s: float) -> None:
    """Writes each stage down as it begins, and holds the slow one up."""
    from hitl.learn import build, engine

    def held(stage: str, do: Callable[..., Any]) -> Callable[..., Any]:
        def meet(*given: Any) -> Any:
            with log.open("a") as stream:
                stream.write(f"{stage}\n")
            if stage == slow:
                time.sleep(slow_s)
            return do(*given)

        return meet

    build._load = held("load", build._load)
    engine.LocalEngine.update = held("update", engine.LocalEngine.update)
    engine.LocalEngine.save = held("save", engine.LocalEngine.save)

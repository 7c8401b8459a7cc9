"""`hitl` on a terminal of its own, and what it draws, with the time it took."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path

import pyte

SECONDS = 600.0
"""Nothing is waited for longer."""


class Terminal:
    """80×24 if not told otherwise, in `folder`. `started` is the clock when the command was."""

    def __init__(
        self,
        folder: Path,
        *words: str,
        size: tuple[int, int] = (80, 24),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """`hitl WORDS`, `size` in columns and rows, with more environment `variables`."""
        self.screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self.screen)
        self.started = time.perf_counter()
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            root = str(Path(__file__).parents[1])
            os.environ |= {"TERM": "xterm-256color", "HF_HUB_OFFLINE": "1", "PYTHONPATH": root}
            os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # a user's is compiled
            os.environ |= variables or {}
            os.execv(sys.executable, [sys.executable, "-m", "hitl", *words])
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))

    def close(self) -> None:
        """At once; the run is as a killed one."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._fd)

    def press(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    def timed(self, key: str, drawn: str, seconds: float = SECONDS) -> float:
        """Seconds from the key to the bytes that draw `drawn`. Raises TimeoutError when they do
        not come within `seconds`."""
        self.look(0)
        mark, seen = drawn.encode(), b""
        since = time.perf_counter()
        self.press(key)
        while mark not in seen:
            try:
                seen += self._read(since + seconds - time.perf_counter())
            except TimeoutError:
                self.feed(seen)
                raise
        took = time.perf_counter() - since
        self.feed(seen)
        return took

    def feed(self, data: bytes) -> None:
        """Draws what the program wrote."""
        self._stream.feed(data)

    def look(self, seconds: float) -> None:
        """Takes in what is drawn in the next `seconds`."""
        end = time.perf_counter() + seconds
        while True:
            left = end - time.perf_counter()
            if not select.select([self._fd], [], [], max(left, 0))[0]:
                return
            self.feed(os.read(self._fd, 65536))

    def until(self, pattern: str, seconds: float = SECONDS) -> float:
        """Seconds from the start of the command to the moment when `pattern` is on the screen."""
        end = time.perf_counter() + seconds
        while not re.search(pattern, self.text):
            if time.perf_counter() > end:
                raise TimeoutError(f"no {pattern!r} within {seconds:.0f} s:\n{self.text}")
            self.look(0.01)
        return time.perf_counter() - self.started

    @property
    def text(self) -> str:
        return "\n".join(self.screen.display)

    @property
    def status(self) -> str:
        """The top line."""
        return self.screen.display[0]

    def _read(self, seconds: float) -> bytes:
        if not select.select([self._fd], [], [], max(seconds, 0))[0]:
            raise TimeoutError(f"it was not drawn in time:\n{self.text}")
        return os.read(self._fd, 65536)

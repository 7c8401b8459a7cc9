"""`hitl host` and `hitl join` as processes of their own, and what they print."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hitl.config.session import SessionConfig
from hitl.creation import create_run
from tests.e2e.conftest import environment
from tests.faults.policy import write_policy, write_prompts

TOKEN = "a-token-of-the-test"


def small_run(folder: Path, name: str = "a") -> Path:
    """A run on a policy of milliseconds; the folder of the runs."""
    config = SessionConfig(
        policy=str(write_policy(folder)), prompts=str(write_prompts(folder)), lang="en",
        group_size=2, batch_size=4, max_new_tokens=4, threads=1,
    )  # fmt: skip
    return create_run(folder / "runs", name, config).path.parent


class Talking:
    """A process whose lines can be waited for."""

    def __init__(self, folder: Path, *words: str, token: str = TOKEN) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hitl", *words], cwd=folder,
            env=environment() | {"HITL_TOKEN": token}, text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self.lines.append("(end)")
            self._changed.notify_all()

    def count(self, text: str) -> int:
        return sum(text in line for line in self.lines)

    def wait(self, text: str, times: int = 1, seconds: float = 90) -> None:
        """Until so many lines have it."""
        until = time.monotonic() + seconds
        with self._changed:
            while self.count(text) < times:
                left = until - time.monotonic()
                ended = "(end)" in self.lines
                assert left > 0 and not ended, (text, times, *self.lines)
                self._changed.wait(min(left, 1))

    def type(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def end(self) -> int:
        """Waits for it; its exit code."""
        code = self.process.wait(120)
        self._reader.join(10)
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(60)
        self._reader.join(10)
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.stdout.close()


@contextmanager
def hosting(root: Path, port: int, *more: str) -> Iterator[Talking]:
    """`hitl host a`, once it lets people in."""
    host = Talking(root.parent, "host", "a", "--root", str(root), "--port", str(port), *more)
    try:
        host.wait("hosted: ")
        yield host
    finally:
        host.close()


@contextmanager
def joining(root: Path, port: int, name: str, **options: str) -> Iterator[Talking]:
    """`hitl join` in line mode."""
    where = f"a@127.0.0.1:{port}"
    joined = Talking(root.parent, "join", where, "--operator", name, "--plain", **options)
    try:
        yield joined
    finally:
        joined.close()

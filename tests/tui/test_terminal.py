"""On a real (pseudo) terminal: first paint, signals, noise on fd 2, what is imported."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pyte
import pytest

ROOT = Path(__file__).parents[2]


class Terminal:
    def __init__(self, process: subprocess.Popen[bytes], fd: int) -> None:
        self.process, self.fd = process, fd
        self.screen = pyte.Screen(80, 24)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""

    def read(self, seconds: float) -> None:
        if select.select([self.fd], [], [], seconds)[0]:
            with suppress(OSError):
                data = os.read(self.fd, 65536)
                self.raw += data
                self.stream.feed(data)

    @property
    def text(self) -> str:
        return "\n".join(self.screen.display)

    def sees(self, text: str, seconds: float = 20) -> None:
        end = time.monotonic() + seconds
        while text not in self.text:
            assert time.monotonic() < end, f"no {text!r} on the screen:\n{self.text}"
            self.read(0.05)

    def wait(self, seconds: float = 20) -> int:
        end = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < end:
            self.read(0.05)
        for _ in range(5):
            self.read(0.05)
        return self.process.wait(1)


@contextmanager
def playing(log: Path, *arguments: str, errors: Path | None = None) -> Iterator[Terminal]:
    """`errors` is where fd 2 is sent, as by a shell's 2>errors."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = os.environ | {
        "TERM": "xterm-256color",
        "PYTHONPATH": str(ROOT),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.tui.playing", str(log), *arguments],
        stdin=slave,
        stdout=slave,
        stderr=slave if errors is None else os.open(errors, os.O_WRONLY | os.O_CREAT),
        env=environment,
        start_new_session=True,
    )
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        with suppress(OSError):
            os.close(master)


def restored(terminal: Terminal) -> bool:
    """Back on the main screen, the cursor shown, the mouse no longer reported."""
    return terminal.raw.rindex(b"\x1b[?1049l") > terminal.raw.rindex(b"\x1b[?1049h") and (
        b"\x1b[?25h" in terminal.raw and b"\x1b[?1000l" in terminal.raw
    )


def test_keys_on_a_real_terminal(tmp_path: Path) -> None:
    with playing(tmp_path / "log") as terminal:
        terminal.sees("a fine day")
        os.write(terminal.fd, b"4")
        os.write(terminal.fd, "２".encode())
        terminal.sees("last: 4 2")
        os.write(terminal.fd, b"\x7f")
        terminal.sees("undone")
        os.write(terminal.fd, b"q")
        assert terminal.wait() == 0
        assert "['Judgement', 'Undo', 'Quit']" in terminal.text
        assert restored(terminal)


def test_the_kitty_protocol_is_left_off(tmp_path: Path) -> None:
    with playing(tmp_path / "log") as terminal:
        terminal.sees("a fine day")
        assert b"\x1b[>1u" not in terminal.raw and b"\x1b[>25u" not in terminal.raw


def test_noise_goes_to_the_log(tmp_path: Path) -> None:
    with playing(tmp_path / "log") as terminal:
        terminal.sees("a fine day")
        os.write(terminal.fd, b"q")
        assert terminal.wait() == 0
        assert b"NOISE" not in terminal.raw
        assert "NOISE OF A LIBRARY" in (tmp_path / "log").read_text()


@pytest.mark.parametrize("noise", ["played", "fail"])
def test_errors_sent_to_a_file_go_there_and_the_screen_does_not(tmp_path: Path, noise: str) -> None:
    errors = tmp_path / "errors"
    with playing(tmp_path / "log", noise, errors=errors) as terminal:
        if noise == "fail":
            assert terminal.wait() == 1
            assert "RuntimeError: no weights" in errors.read_text()
        else:
            terminal.sees("a fine day")
            os.write(terminal.fd, b"q")
            assert terminal.wait() == 0
            assert restored(terminal)
        assert b"NOISE" not in terminal.raw
        assert errors.read_text().startswith("NOISE OF A LIBRARY\n")
        assert "\x1b" not in errors.read_text()
        assert not (tmp_path / "log").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_saves_and_restores_the_terminal(tmp_path: Path, number: signal.Signals) -> None:
    with playing(tmp_path / "log") as terminal:
        terminal.sees("a fine day")
        terminal.process.send_signal(number)
        assert terminal.wait() == 0
        assert "['Quit']" in terminal.text
        assert restored(terminal)


def test_a_terminal_that_goes_away_ends_the_program(tmp_path: Path) -> None:
    with playing(tmp_path / "log") as terminal:
        terminal.sees("a fine day")
        os.close(terminal.fd)
        terminal.process.send_signal(signal.SIGHUP)
        # By itself, or at the latest when the session has saved and the screen still hangs.
        assert terminal.process.wait(20) in (0, 128 + signal.SIGHUP)


def test_an_error_is_shown_on_the_restored_terminal(tmp_path: Path) -> None:
    with playing(tmp_path / "log", "fail") as terminal:
        assert terminal.wait() == 1
        assert "RuntimeError: no weights" in terminal.text
        assert restored(terminal)


def test_the_first_paint_waits_for_no_model_library() -> None:
    code = (
        "import sys, hitl.tui.app; "
        "print([m for m in ('torch', 'transformers', 'numpy') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"

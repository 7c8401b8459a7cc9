"""A first session in a real terminal, 80×24, with real keys: judge, learn, undo, quit, resume."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import environment

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux"),
]


class Terminal:
    """A tmux session of its own server, 80 columns by 24 rows."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._starts = 0

    @property
    def _socket(self) -> str:
        """Another one each time: a server on its way out still answers for a moment."""
        return str(self._folder / f"tmux{self._starts}")

    def start(self, *arguments: str, lang: str = "C.UTF-8") -> None:
        self._starts += 1
        known = ("LANG", "HF_HUB_OFFLINE", "OMP_NUM_THREADS", "PYTHONPATH")
        given = environment() | {"LANG": lang}
        variables = [f"{name}={given[name]}" for name in known]
        command = ["env", *variables, sys.executable, "-m", "hitl", *arguments]
        shell = " ".join(command) + "; echo exit code $?; sleep 600"
        self.tmux("-u", "new-session", "-d", "-x", "80", "-y", "24", "-c", str(self._folder), shell)

    def tmux(self, *arguments: str) -> str:
        done = subprocess.run(
            ["tmux", "-S", self._socket, *arguments], capture_output=True, check=True, timeout=30
        )
        return done.stdout.decode()

    def keys(self, *keys: str) -> None:
        for key in keys:
            self.tmux("send-keys", key)
            time.sleep(0.05)

    def screen(self) -> str:
        return self.tmux("capture-pane", "-p")

    def until(self, pattern: str, seconds: float = 90) -> str:
        """The screen once `pattern` is on it."""
        end = time.monotonic() + seconds
        while not re.search(pattern, screen := self.screen()):
            assert time.monotonic() < end, f"no {pattern!r} within {seconds} s:\n{screen}"
            time.sleep(0.1)
        return screen

    def judge(self, *keys: str) -> None:
        """Scores the group on the screen and waits until the next one lies there."""
        before = re.search(r"Prompt (\d+)", self.screen())
        self.keys(*keys)
        number = int(before[1]) + 1 if before else 1
        self.until(rf"Prompt {number}\b")

    def close(self) -> None:
        subprocess.run(["tmux", "-S", self._socket, "kill-server"], capture_output=True)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    made = Terminal(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_first_session(terminal: Terminal, lang: str) -> None:
    locale = {"zh": "zh_CN.UTF-8", "en": "C.UTF-8"}[lang]
    terminal.start(lang=locale)
    terminal.until(r"Prompt 1\b")
    screen = terminal.until(r"(?s)1 ─.*\b2 ─.*\b3 ─.*\b4 ─")  # four cards, whole
    assert f"{lang}-01" in screen and "policy v0" in screen
    assert bool(re.search(r"[\u4e00-\u9fff]", screen)) == (lang == "zh")

    terminal.judge("4", "3", "5", "1")
    terminal.until(r"batch 4/16")
    terminal.keys("BSpace")
    terminal.until(r"batch 0/16")
    restored = terminal.until(r"Prompt 1\b")
    assert all(f"[ {score} ]" in restored for score in (4, 3, 5)), restored
    terminal.keys("Enter")
    terminal.until(r"Prompt 2\b")
    for n in range(7):
        terminal.judge(*("4351" if n % 2 else "2244"))
    terminal.until(r"policy v2\b")
    terminal.until(r"saved \d")
    terminal.keys("BSpace")
    terminal.until(r"already trained")
    terminal.keys("9")
    terminal.until(r"1-5|1 to 5")
    terminal.keys("q")
    terminal.until(r"exit code 0")

    terminal.close()
    terminal.start(lang=locale)
    offered = terminal.until(rf"{lang}-01")
    assert re.search(r"\b32\b", offered)  # labels
    terminal.keys("Enter")
    terminal.until(r"Prompt 9\b")
    assert "policy v2" in terminal.screen()
    terminal.keys("q")
    terminal.until(r"exit code 0")


def holder(run: Path) -> int:
    """The process that has the run open."""
    return int(json.loads((run / "lock").read_text())["pid"])


def gone(pid: int, seconds: float = 30) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("how", ["terminal closed", "SIGTERM", "SIGKILL"])
def test_a_session_that_is_ended_from_outside_keeps_every_label(
    terminal: Terminal, tmp_path: Path, how: str
) -> None:
    terminal.start("train", "--lang", "zh", "--run", "a")
    terminal.until(r"Prompt 1\b")
    terminal.judge("4", "3", "5", "1")
    terminal.until(r"batch 4/16")
    terminal.keys("2", "5")
    terminal.until(r"\[ 5 \]")
    process = holder(tmp_path / "checkpoints" / "a")
    if how == "terminal closed":
        terminal.close()
    else:
        os.kill(process, getattr(signal, how))
        terminal.until({"SIGTERM": "exit code 143", "SIGKILL": "exit code 137"}[how])
        terminal.close()
    assert gone(process)

    terminal.start("resume")
    screen = terminal.until(r"\[ 5 \]")
    assert "Prompt 2" in screen and "[ 2 ]" in screen  # also the half-judged group
    assert "batch 4/16" in screen

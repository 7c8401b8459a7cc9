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

from hitl.journal import Journal
from hitl.records import Edit, Rejected

from .conftest import environment

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux"),
]


class Terminal:
    """A tmux session of its own server, 80 columns by 24 rows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._starts = 0

    @property
    def _socket(self) -> str:
        """Another one each time: a server on its way out still answers for a moment."""
        return str(self.folder / f"tmux{self._starts}")

    def start(self, *arguments: str, lang: str = "C.UTF-8") -> None:
        self._starts += 1
        known = ("LANG", "HF_HUB_OFFLINE", "OMP_NUM_THREADS", "PYTHONPATH")
        given = environment() | {"LANG": lang}
        variables = [f"{name}={given[name]}" for name in known]
        command = ["env", *variables, sys.executable, "-m", "hitl", *arguments]
        shell = " ".join(command) + "; echo exit code $?; sleep 600"
        self.tmux("-u", "new-session", "-d", "-x", "80", "-y", "24", "-c", str(self.folder), shell)

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

    def group(self) -> str:
        """The number of the group that can be judged: on two looks in a row, as a slow terminal may
        show the prompt of the next one over cards of the last."""
        whole = r"\A(?![\s\S]*\[ … \])[\s\S]*(?:Prompt|提示) (\d+)\b[\s\S]*▶"
        before = ""
        while True:
            found = re.search(whole, self.until(whole))
            assert found is not None
            if found[1] == before:
                return before
            before = found[1]
            time.sleep(0.3)

    def judge(self, *keys: str) -> None:
        """Scores the group on the screen and waits until the next one lies there."""
        number = int(self.group()) + 1
        self.keys(*keys)
        self.until(rf"(?:Prompt|提示) {number}\b")

    def judge_any(self, key: str) -> None:
        """The same, whatever the number of the next one is."""
        before = self.group()
        self.keys(key)
        self.until(rf"Prompt (?!{before}\b)\d")

    def type(self, text: str) -> None:
        """All at once, as a sentence comes from an input method."""
        self.tmux("send-keys", "-l", text)

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
    prompt, policy, batch, saved, trained = {  # the screens speak the language of the locale
        "zh": ("提示", "策略", "批次", r"\d+\w 前保存", "已经训练过"),
        "en": ("Prompt", "policy", "batch", r"saved \d", "already trained"),
    }[lang]
    terminal.start(lang=locale)
    terminal.until(rf"{prompt} 1\b[\s\S]*▶")
    screen = terminal.until(r"(?s)1 ─.*\b2 ─.*\b3 ─.*\b4 ─")  # four cards, whole
    assert f"{lang}-01" in screen and f"{policy} v0" in screen
    assert bool(re.search(r"[\u4e00-\u9fff]", screen)) == (lang == "zh")

    terminal.judge("4", "3", "5", "1")
    terminal.until(rf"{batch} 4/16")
    terminal.keys("BSpace")
    terminal.until(rf"{batch} 0/16")
    restored = terminal.until(rf"{prompt} 1\b[\s\S]*▶")
    assert all(f"[ {score} ]" in restored for score in (4, 3, 5)), restored
    terminal.keys("Enter")
    terminal.until(rf"{prompt} 2\b[\s\S]*▶")
    for n in range(7):
        terminal.judge(*("4351" if n % 2 else "2244"))
    terminal.until(rf"{policy} v2\b")
    terminal.until(saved)
    terminal.keys("BSpace")
    terminal.until(trained)
    terminal.keys("9")
    terminal.until(r"1-5|1 to 5")
    terminal.keys("q")
    terminal.until(r"exit code 0")

    terminal.close()
    terminal.start(lang=locale)
    offered = terminal.until(rf"{lang}-01")
    assert re.search(r"\b32\b", offered)  # labels
    terminal.keys("Enter")
    terminal.until(rf"{prompt} 9\b[\s\S]*▶")
    assert f"{policy} v2" in terminal.screen()
    terminal.keys("q")
    terminal.until(r"exit code 0")


def test_six_groups_are_ranked(terminal: Terminal, tmp_path: Path) -> None:
    terminal.start("train", "--lang", "zh", "--mode", "rank", "--run", "a")
    for keys in ("213", "2=13", "41\r", "==", "321", "14\r"):
        terminal.judge(*("Enter" if key == "\r" else key for key in keys))
    terminal.until(r"policy v1\b[\s\S]*batch 8/16[\s\S]*saved \d")
    terminal.keys("BSpace")
    terminal.until(r"batch 4/16[\s\S]*undone")
    restored = terminal.until(r"Prompt 6\b[\s\S]*▶")
    assert all(f"[ {rank}. ]" in restored for rank in (1, 2, 4)), restored
    terminal.keys("q")
    terminal.until(r"exit code 0")
    terminal.close()
    with Journal.open(tmp_path / "checkpoints/a/journal.db", readonly=True) as journal:
        assert [one.judgement.keys for one in journal.judged()][::-1] == [
            "213", "2=13", "41⏎", "==", "321"
        ]  # fmt: skip
        assert len(journal.updates()) == 1

    terminal.start("resume", "a")
    again = terminal.until(r"Prompt 6\b[\s\S]*▶")
    assert "policy v1" in again and "batch 4/16" in again and "[ 4. ]" in again
    terminal.keys("q")
    terminal.until(r"exit code 0")


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_pairs_own_texts_prompts_and_tokens(terminal: Terminal, lang: str) -> None:
    begin = ("train", "--lang", lang, "--mode", "pair", "--group-size", "2", "--batch-size", "4")
    terminal.start(*begin, "--run", "a", "--max-new-tokens", "16", "2>errors")
    first = terminal.until(r"Prompt 1\b[\s\S]*▶")
    assert "better" in first and "both bad" in first
    terminal.judge("Up")
    terminal.until(r"last: both bad → -1 -1")
    terminal.until(r"batch 2/4")
    terminal.keys("f")
    terminal.until(r"\[flag\]")
    terminal.type("n太短 q1")
    terminal.keys("Enter")
    terminal.until(r"\[flag\] \[太短 q1\]")
    terminal.keys("i")
    terminal.until(r"1: tokens(.|\n)*log p_ref 0\.0")
    terminal.keys("q")  # not Escape: with a letter right behind it that would be Alt
    terminal.until(r"\A(?!(.|\n)*1: tokens)")
    terminal.type("e，好 good")
    terminal.until(r"1: as it should be(.|\n)*，好 good")
    terminal.keys("Enter")
    terminal.until(r"last: edited 1")
    terminal.type("p从前 once")
    terminal.keys("Enter")
    terminal.until(r"Prompt \d+ +从前 once")
    terminal.keys("q")
    terminal.until(r"exit code 0")
    terminal.close()

    journal_path = terminal.folder / "checkpoints" / "a" / "journal.db"
    with Journal.open(journal_path, readonly=True) as journal:
        edited, both_bad = (judged.judgement for judged in journal.judged())
        assert [g for g in journal.open_groups() if g.prompt.text == "从前 once"]
    assert both_bad.verdict == Rejected(2) and len(both_bad.keys) == 1
    assert isinstance(edited.verdict, Edit) and edited.verdict.text.endswith("，好 good")
    assert (edited.note, edited.flag, edited.verdict.of) == ("太短 q1", True, edited.shown[0])

    terminal.start("resume")
    for _ in range(8):
        screen = terminal.until(r"Prompt (\d+)\b[\s\S]*▶")
        if "从前 once" in screen:
            break
        terminal.judge_any("Right")
    lines = "".join(line.strip("│ ") for line in terminal.screen().splitlines())
    # Not those from before: an update of the full batch may have had them sampled again.
    with Journal.open(journal_path, readonly=True) as journal:
        [own] = [g for g in journal.open_groups() if g.prompt.text == "从前 once"]
    assert all(
        c.text.strip()[:12].replace(" ", "") in lines.replace(" ", "") for c in own.completions
    )
    terminal.keys("q")
    terminal.until(r"exit code 0")
    assert "\x1b" not in (terminal.folder / "errors").read_text()


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
    terminal.until(r"Prompt 1\b[\s\S]*▶")
    terminal.judge("4", "3", "5", "1")
    terminal.until(r"batch 4/16[\s\S]*Prompt 2\b[\s\S]*▶")
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

"""One stint at a run in a process of its own, forked from one that has imported torch.

Whoever forks must run on one thread and have done nothing with torch but import it.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import re
import select
import signal
import sys
import time
import traceback
from dataclasses import dataclass, replace
from pathlib import Path

from hitl.assemble import opened
from hitl.commands.operate import operate
from hitl.config.ppo import HUMAN
from hitl.config.recorded import RecordedConfig
from hitl.config.session import SessionConfig
from hitl.creation import create_run
from hitl.faultpoints import VARIABLE
from hitl.journal import Journal
from hitl.opening import Opening
from hitl.rundir import RunDir

from .operators import LAST, SAVE, UNDO, Careful, Minutes, mark_of, scores_of

PATIENCE_S = 120.0
"""No stint takes so long; one that does has hung."""


@dataclass(frozen=True)
class Case:
    """A run and how its operator sits at it."""

    root: Path
    policy: Path
    prompts: Path
    labels: int = 16
    ahead: int = 0
    by_lines: bool = False
    """Line mode through pipes, with the operator in the process that kills; else inside."""
    seed: int = 1

    @property
    def config(self) -> SessionConfig:
        return RecordedConfig(
            policy=str(self.policy),
            prompts=str(self.prompts),
            lang="en",
            group_size=2,
            batch_size=4,
            max_new_tokens=4,
            threads=1,
            device="cpu",
            seed=self.seed,
            operator_name="careful",
            ahead=self.ahead,
            recorded=replace(HUMAN, ppo_epochs=2),
        )

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def minutes(self) -> Minutes:
        return Minutes(self.root / "minutes")

    @property
    def log(self) -> Path:
        return self.root / "log"

    def labels_given(self) -> int:
        if not self.run.exists():
            return 0
        with Journal.open(self.run / "journal.db", readonly=True) as journal:
            return journal.totals().labels

    def batch_waits(self) -> bool:
        """Whether the next stint has an update to make."""
        with Journal.open(self.run / "journal.db", readonly=True) as journal:
            return journal.totals().pending_labels >= self.config.batch_size


def sit(case: Case, kill: str | float | None, mood: int) -> int:
    """One stint until `case.labels` are given or it is killed: at a fault point (`NAME*n`) or
    after so many seconds. Returns its exit code, negative for a signal."""
    left = case.labels - case.labels_given()
    told, says = os.pipe()  # what the operator types
    hears, tells = os.pipe()  # what the session prints
    process = os.fork()
    if process == 0:
        os.close(says)
        os.close(hears)
        _child(case, kill if isinstance(kill, str) else None, mood, left, told, tells)
    os.close(told)
    os.close(tells)
    try:
        code = _accompany(case, process, kill if isinstance(kill, float) else None, says, hears,
                          random.Random(mood), left)  # fmt: skip
    finally:
        os.close(says)
        os.close(hears)
    case.minutes.write("ended")
    return code


def _child(case: Case, fault: str | None, mood: int, left: int, told: int, tells: int) -> None:
    code = 70
    try:
        log = os.open(case.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(told, 0)
        os.dup2(tells if case.by_lines else log, 1)
        os.dup2(log, 2)
        sys.stdin = io.TextIOWrapper(io.FileIO(0, "r", closefd=False), "utf-8")
        sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), "utf-8")
        sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), "utf-8", write_through=True)
        if fault is not None:
            os.environ[VARIABLE] = fault
        code = _session(case, mood, left)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _session(case: Case, mood: int, left: int) -> int:
    if RunDir.exists(case.root, "run"):
        run_dir = RunDir.open(case.root, "run")
    else:
        run_dir = create_run(case.root, "run", case.config)
    if case.by_lines:
        return operate(run_dir, plain=True)
    operator = Careful(case.minutes, left, mood)
    with opened(run_dir, operator, Opening(ahead=case.ahead)) as run:
        run.session.run()
    print("\n".join(operator.notices), file=sys.stderr)
    return 0


def _accompany(
    case: Case, process: int, delay: float | None, says: int, hears: int, mood: random.Random,
    left: int,
) -> int:  # fmt: skip
    """Types in line mode, kills when it is time, and waits for the end."""
    started = time.monotonic()
    person = _Person(case.minutes, says, mood, left)
    heard = b""
    end = os.pidfd_open(process)
    open_ends = [hears, end]
    try:
        while open_ends:
            until = started + (PATIENCE_S if delay is None else delay)
            ready, _, _ = select.select(open_ends, [], [], max(until - time.monotonic(), 0.0))
            if not ready:
                os.kill(process, signal.SIGKILL)
                if delay is None:
                    raise TimeoutError(f"a stint hung, see {case.log}")
                delay = None
            if end in ready:
                open_ends.remove(end)
            if hears in ready:  # also what it said before its end
                piece = os.read(hears, 65536)
                if not piece:
                    open_ends.remove(hears)
                *lines, heard = (heard + piece).split(b"\n")
                for line in lines:
                    person.hear(line.decode())
    finally:
        os.close(end)
        _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status)


class _Person:
    """Reads what line mode prints and types."""

    def __init__(self, minutes: Minutes, says: int, mood: random.Random, left: int) -> None:
        self._minutes, self._says, self._mood, self._left = minutes, says, mood, left
        self._prompt = ""
        self._texts: list[str] = []

    def hear(self, line: str) -> None:
        if line.startswith("prompt: "):
            self._prompt, self._texts = line.removeprefix("prompt: "), []
        elif found := re.match(r"[12]\. ?(.*)", line):
            self._texts.append(found[1])
        elif line.startswith("type "):
            self._answer()
        elif found := re.match(r"kept (\d+) label", line):
            self._minutes.write("judged", mark_of(self._prompt, self._texts))
            self._left -= int(found[1])
        elif line.startswith("taken back"):
            self._minutes.write("undone", LAST)
            self._left += 2

    def _answer(self) -> None:
        mood = self._mood.random()
        if self._left <= 0:
            self._type("quit")
        elif mood < SAVE:
            self._type("save")
        elif mood < SAVE + UNDO:
            self._minutes.write("undo?")
            self._type("undo")
        else:
            self._type(" ".join(map(str, scores_of(self._prompt, self._texts))))

    def _type(self, text: str) -> None:
        with contextlib.suppress(BrokenPipeError):  # it was killed
            os.write(self._says, f"{text}\n".encode())

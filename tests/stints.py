"""Stints at one run folder: its journal and checkpoints are real, its engine has no torch."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from hitl.config.session import SessionConfig
from hitl.engine import EngineThread
from hitl.journal import Journal
from hitl.opening import Opening
from hitl.operator import (
    Desk,
    Inspected,
    Quit,
)
from hitl.records import Judgement, StepOptions
from hitl.session import Session
from hitl.tuning import in_effect

from .fakes import FakeEngine, Line, Scripted, held, scores

CONFIG = SessionConfig(lang="en", group_size=2, batch_size=4)
GOOD, BAD = scores(5, 4), scores(1, 2)


def usual(number: int) -> StepOptions:
    """What update `number` is made with when nothing was changed."""
    return in_effect(CONFIG.step_options, number, CONFIG.batch_size, CONFIG.warmup)


class Stint:
    """Runs scripts against one run folder, each with an engine that starts from the base."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = CONFIG
        self.journal = Journal.open(folder / "journal.db", create=True)

    def __call__(
        self,
        *script: Line,
        ahead: int = 0,
        engine: FakeEngine | None = None,
        shuffle: bool = False,
    ) -> tuple[Scripted, FakeEngine]:
        operator, engine = Scripted([*script, Quit()]), engine or FakeEngine()
        thread = EngineThread(lambda: engine)
        try:
            run = held(self.folder, self.journal, thread, self.config)
            Session(run, operator, Opening(ahead=ahead, shuffle=shuffle)).run()
        finally:
            thread.close()
        return operator, engine


def looked_at(desk: Desk, operator: Scripted) -> list[Inspected]:
    """Asks for the desk's tokens and waits: all that was asked of the engine before is done."""
    desk.inspect()
    for _ in range(500):
        if heard := operator.heard(Inspected):
            return heard
        time.sleep(0.01)
    raise AssertionError("no tokens came")


class Slowly(FakeEngine):
    """Stands still in each update until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Semaphore(0)
        self.before_update = lambda: self.go.acquire(timeout=20) and None

    def bad(self, desk: Desk) -> Judgement:
        """BAD, once the four groups after this one are there: they cannot be sampled while the
        update that it begins stands still."""
        deadline = time.monotonic() + 20
        while len(self.sampled) < 6 and time.monotonic() < deadline:
            time.sleep(0.005)
        return BAD(desk)

"""The app with a real session below it: real journal, real checkpoints, an engine without torch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from hitl.config.recorded import to_json
from hitl.config.session import SessionConfig
from hitl.engine import EngineThread
from hitl.journal import Journal
from hitl.opening import Opening
from hitl.operator import Operator
from hitl.rundir import RunDir
from hitl.session import Session
from hitl.tui.app import HitlApp, SessionPlan
from hitl.tui.choices import NewRun, ResumeRun
from hitl.tui.remap import Keymap
from hitl.tui.screens.frame import SessionInfo
from tests.fakes import FakeEngine, held

from .driving import Driver, placed
from .scripted import ScriptedSession, group

CONFIG = SessionConfig(lang="en", group_size=2, batch_size=8, ahead=2)


def new_run(root: Path, name: str = "en-01", config: SessionConfig = CONFIG) -> RunDir:
    return RunDir.create(root, name, {"options": to_json(config)})


class Sitter(Driver):
    """Drives the app over a run."""

    def __init__(self, pilot: Any, run: RunDir, engine: FakeEngine) -> None:
        super().__init__(pilot, ScriptedSession([group(1, ["", ""])]))
        self.run = run
        self.engine = engine

    @property
    def judging(self) -> Any:
        return self.app._judging

    async def at_desk(self) -> None:
        await self.until(lambda: self.judging.asked and self.judging.open and placed(self.judging))

    def look(self, what: Callable[[Journal], Any]) -> Any:
        with Journal.open(self.run.journal_path, readonly=True) as journal:
            return what(journal)

    async def judge(self, *keys: str) -> None:
        """Judges the group on the screen and waits for the next."""
        await self.at_desk()
        before = self.look(lambda j: j.totals().judgements)
        await self.press(*keys)
        await self.until(lambda: self.look(lambda j: j.totals().judgements) == before + 1)
        await self.at_desk()


def plan(
    run: RunDir, engine: FakeEngine, config: SessionConfig = CONFIG, again: float = 0.0
) -> SessionPlan:
    def start(operator: Operator) -> None:
        thread = EngineThread(lambda: engine)
        try:
            with Journal.open(run.journal_path) as journal:
                opening = Opening(ahead=config.ahead, again=again)
                Session(held(run.path, journal, thread, config), operator, opening).run()
        finally:
            thread.close()

    with Journal.open(run.journal_path, readonly=True) as journal:
        updates = tuple(journal.updates())
    info = SessionInfo(run.name, config, "tiny-en", len(updates), updates, run.path)
    return SessionPlan(info, start)


@asynccontextmanager
async def stint(
    run: RunDir,
    size: tuple[int, int] = (80, 24),
    *,
    mode: str = "score",
    again: float = 0.0,
    clock: Callable[[], float] | None = None,
    begin: Callable[[ResumeRun | NewRun], SessionPlan] | None = None,
    keymap: Keymap | None = None,
) -> AsyncIterator[Sitter]:
    engine = FakeEngine()
    config = replace(CONFIG, mode=mode)
    given = {} if clock is None else {"clock": clock}
    app = HitlApp(plan=plan(run, engine, config, again), begin=begin, keymap=keymap, **given)
    async with app.run_test(size=size) as pilot:
        try:
            yield Sitter(pilot, run, engine)
        finally:
            app.hang_up()
            if app._thread is not None and app._thread.ident is not None:
                await asyncio.to_thread(app._thread.join, 10)
    app.finish()
    if app.error is not None:
        raise app.error

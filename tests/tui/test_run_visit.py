"""The runs screen behind a session, and going back in the picker."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hitl.checkpoints import Checkpoints
from hitl.journal import Journal
from hitl.records import Scores
from hitl.rollback import go_back
from hitl.rundir import RunDir
from hitl.tui.app import HitlApp, SessionPlan
from hitl.tui.choices import NewRun, ResumeRun
from hitl.tui.run_figures import updates_of
from tests.fakes import FakeEngine
from tests.journal_data import group, judgement, stats

from .driving import Driver
from .stint import new_run, plan, stint
from .test_runs_screen import RUNS


def taught(root: Path, name: str, updates: int) -> RunDir:
    run = new_run(root, name)
    with Journal.open(run.journal_path) as journal:
        journal.add_groups([group(n, size=2) for n in range(1, updates + 1)])
        for n in range(1, updates + 1):
            journal.append(judgement(n, verdict=Scores((4.0, 2.0))))
            journal.record_update(stats(n, reward=1.0 + n), [n])
    return run


async def test_the_list_and_the_updates_of_a_run(tmp_path: Path) -> None:
    run = taught(tmp_path, "en-01", 2)
    taught(tmp_path, "zh-[x]", 1)
    async with stint(run) as me:
        await me.at_desk()
        await me.press("f5")
        await me.sees("zh-[x]")
        assert "▶en-01" in me.text
        await me.until(lambda: "intact" in me.text or "checkpoint" in me.text)
        listing = me.app.screen.query_one("OptionList")
        listing.highlighted = [r.run for r in me.app.screen._runs].index("en-01")
        await me.press("u")
        await me.sees("en-01: updates")
        assert "3.00" in me.text and "2.00" in me.text
        await me.press("escape", "enter")
        await me.sees("en-01: updates")
        await me.press("escape")
        assert me.app.screen.WHERE == "runs"


async def test_two_runs_side_by_side(tmp_path: Path) -> None:
    run = taught(tmp_path, "en-01", 2)
    taught(tmp_path, "en-02", 3)
    async with stint(run) as me:
        await me.at_desk()
        await me.press("f5")
        await me.sees("en-02")
        await me.press("home", "c")
        await me.sees("marked")
        assert "*en-0" in me.text
        await me.press("c")
        assert "marked" not in me.text
        await me.press("c", "down", "c")
        await me.sees("two runs")
        for figure in ("labels learned", "reward, best", "4.00", "3.00", "KL, last"):
            assert figure in me.text, figure
        assert "gold" not in me.text and "–" not in me.text, "nothing that no run has"
        await me.press("escape")
        assert "*en-0" not in me.text


async def test_two_runs_stand_side_by_side_in_a_smaller_terminal_too(tmp_path: Path) -> None:
    one, other = (f"a run with a name as long as {n} lines" for n in ("many", "more"))
    run = taught(tmp_path, one, 2)
    taught(tmp_path, other, 3)
    async with stint(run, (120, 30)) as me:
        await me.at_desk()
        await me.press("f5")
        await me.until(lambda: len(me.app.screen._runs) == 2)
        await me.press("home", "c", "down", "c")
        await me.until(lambda: any(one in line and other in line for line in me.lines))
        await me.pilot.resize_terminal(80, 24)
        await me.until(lambda: any(line.count("a run with a name as") == 2 for line in me.lines))


async def test_figures_of_a_run_that_cannot_be_read(tmp_path: Path) -> None:
    run = taught(tmp_path, "en-01", 1)
    broken = new_run(tmp_path, "broken")
    broken.journal_path.write_bytes(b"no database")
    assert updates_of(broken.path) == ()
    async with stint(run) as me:
        await me.at_desk()
        await me.press("f5")
        await me.sees("! damaged")
        me.app.screen.query_one("OptionList").highlighted = [
            r.run for r in me.app.screen._runs
        ].index("broken")
        await me.press("u")
        await me.sees("no update yet")


@pytest.mark.parametrize("name", ["en-01", "en-02"])
async def test_the_open_run_is_left_for_one_as_it_was(tmp_path: Path, name: str) -> None:
    run = taught(tmp_path, "en-01", 2)
    taught(tmp_path, "en-02", 2)

    def begin(choice: ResumeRun | NewRun) -> SessionPlan:
        assert choice == ResumeRun(name, 1)
        that = RunDir(tmp_path / name)
        with Journal.open(that.journal_path) as journal:
            go_back(journal, Checkpoints(that.steps), 1)
        return plan(that, FakeEngine())

    async with stint(run, begin=begin) as me:
        await me.at_desk()
        first = me.judging
        await me.judge("4", "2")
        await me.press("f5")
        await me.sees("en-02")
        listing = me.app.screen.query_one("OptionList")
        listing.highlighted = [r.run for r in me.app.screen._runs].index(name)
        await me.press("b")
        await me.sees(f"go back: {name}")
        assert "saved and closed first" in me.text and "learned no more" in me.text
        await me.press("down", "enter")
        await me.until(lambda: me.judging is not first)
        await me.sees(name)
        await me.until(lambda: me.judging.open)
        assert len(me.app.screen_stack) == 2
        with Journal.open(run.journal_path, readonly=True) as journal:
            assert journal.totals().judgements == 3, "what was said in the run that was left"
            assert journal.last_update() == (1 if name == "en-01" else 2)
        await me.press("q")
        await me.until(lambda: me.app._thread is None or not me.app._thread.is_alive())


async def test_going_back_away_from_the_list_of_runs(tmp_path: Path) -> None:
    run = taught(tmp_path, "en-01", 2)
    new_run(tmp_path, "en-02")
    async with stint(run) as me:
        await me.at_desk()
        await me.press("f5")
        await me.sees("en-02")
        listing = me.app.screen.query_one("OptionList")
        names = [r.run for r in me.app.screen._runs]
        listing.highlighted = names.index("en-02")
        await me.press("b")
        await me.sees("nothing to go back to")
        listing.highlighted = names.index("en-01")
        await me.press("b")
        await me.sees("go back: en-01")
        await me.press("escape", "b", "end", "enter")
        await me.sees("hitl resume en-01 --at 0")  # who opened the session can open no other


@pytest.mark.parametrize(
    ("keys", "choice"),
    [
        (["b", "enter"], ResumeRun("zh-02", 3)),
        (["b", "down", "enter"], ResumeRun("zh-02", 2)),
        (["b", "end", "enter"], ResumeRun("zh-02", 0)),
        (["b", "escape", "enter"], ResumeRun("zh-02")),
        (["b", "escape", "end", "b", "z"], "new"),
    ],
)
async def test_going_back_in_the_picker(keys: list[str], choice: object) -> None:
    app = HitlApp(runs=RUNS, updates=lambda run: [stats(n, reward=n / 2) for n in (1, 2, 3)])
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(keys[0])
        me = Driver(pilot, SimpleNamespace())  # type: ignore[arg-type]
        await me.sees("go back: zh-02")
        assert "1.50" in me.text and "the base policy" in me.text and "learned no more" in me.text
        await pilot.press(*keys[1:])
        await pilot.pause()
    value: Any = app.return_value
    assert value == choice or (choice == "new" and value.lang == "zh")


async def test_help_of_the_picker() -> None:
    app = HitlApp(runs=RUNS)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("question_mark")
        me = Driver(pilot, SimpleNamespace())  # type: ignore[arg-type]
        await me.sees("go back in the run")
        await pilot.press("escape", "b")  # no updates
        await me.sees("no update yet: there is nothing to go back to")
        assert len(app.screen_stack) == 2
        await pilot.press("end")
        await pilot.pause()
        assert "no update yet" not in me.text
        await pilot.press("b")
        await me.sees("a new run has nothing to go back to")

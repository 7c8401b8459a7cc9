"""The picker."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from textual.events import Key

from hitl.config.session import SessionConfig
from hitl.errors import UsageError
from hitl.tui.app import HitlApp, SessionPlan
from hitl.tui.choices import Leave, NewRun, ResumeRun
from hitl.tui.screens.frame import SessionInfo

from .driving import Driver
from .scripted import ScriptedSession, group


@dataclass(frozen=True)
class Run:
    run: str
    policy: str = "tiny-zh"
    updates: int = 3
    labels: int = 48
    reward: float | None = 2.5
    age_s: float = 90.0
    intact: bool = True


RUNS = [Run("zh-02"), Run("中文-[/x]\x1b[2J", reward=None, intact=False), Run("en-01")]


@pytest.mark.parametrize(
    ("keys", "choice"),
    [
        (["enter"], ResumeRun("zh-02")),
        (["down", "down", "enter"], ResumeRun("en-01")),
        (["down", "enter"], ResumeRun("中文-[/x]\x1b[2J")),
        (["z"], NewRun("zh")),
        (["e"], NewRun("en")),
        (["down", "down", "down", "enter"], NewRun("zh")),
        (["q"], Leave()),
        (["ctrl+c"], Leave()),
        (["escape"], Leave()),
    ],
)
async def test_keys(keys: list[str], choice: object) -> None:
    app = HitlApp(runs=RUNS)
    async with app.run_test(size=(80, 24)) as pilot:
        me = Driver(pilot, SimpleNamespace())  # type: ignore[arg-type]
        await me.sees("中文-[/x][2J")
        assert "\x1b" not in me.text and "damaged" in me.text
        assert "1m" in me.text or "2m" in me.text
        await pilot.press(*keys)
    assert app.return_value == choice


async def test_the_picked_run_opens_in_the_same_app() -> None:
    session = ScriptedSession([group(1, ["a fine day", "a dull day"])])
    picked: list[object] = []

    def begin(choice: ResumeRun | NewRun) -> SessionPlan:
        picked.append(choice)
        info = SessionInfo("zh-02", SessionConfig(group_size=2), "tiny-zh", 3)
        return SessionPlan(info, session.start)

    app = HitlApp(runs=RUNS, begin=begin)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("enter")
        me = Driver(pilot, session)
        await me.at_desk()
        assert picked == [ResumeRun("zh-02")] and "a fine day" in me.text
        await me.press("q")
        await me.until(session.ended.is_set)
    app.finish()
    assert app.error is None


async def test_enter_twice_opens_the_run_once() -> None:
    session = ScriptedSession([group(1, ["a fine day", "a dull day"])])
    picked: list[object] = []

    def begin(choice: ResumeRun | NewRun) -> SessionPlan:
        picked.append(choice)
        info = SessionInfo("zh-02", SessionConfig(group_size=2), "tiny-zh", 3)
        return SessionPlan(info, session.start)

    app = HitlApp(runs=RUNS, begin=begin)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        for _ in range(2):
            app.post_message(Key("enter", None))
        me = Driver(pilot, session)
        await me.until(lambda: picked)
        await me.at_desk()
        await me.sees("a fine day")
        assert picked == [ResumeRun("zh-02")]
        await me.press("q")
        await me.until(session.ended.is_set)
    app.finish()
    assert app.error is None


async def test_a_run_that_cannot_be_opened_is_an_error_after_the_screen() -> None:
    def begin(choice: ResumeRun | NewRun) -> SessionPlan:
        raise UsageError("no such run")

    app = HitlApp(runs=RUNS, begin=begin)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("enter")
    app.finish()
    assert isinstance(app.error, UsageError)

"""With --ui-lang zh nothing on any screen is English, but names, keys and symbols."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from hitl.config.session import SessionConfig
from hitl.operator import Notice, Operator, Progress, Rejudged, Undone, Updated
from hitl.records import Judgement, Mode, Skip
from hitl.rundir import RunDir
from hitl.tui.app import HitlApp, SessionPlan
from hitl.tui.screens.frame import SessionInfo
from hitl.wording import Sentence, translator

from .driving import Driver, driving
from .scripted import ScriptedSession, group
from .test_runs_screen import RUNS
from .test_visit_snapshots import contrasts, run_of, update

ZH = translator("zh")

KEYS = "Enter Esc Space Backspace PgDn PgUp Tab Ctrl Home End Down Up F2 F3 F4 F5 F6 F12"
SYMBOLS = "KL PPO lr log ref nat ms TSV JSONL prompt chosen rejected transformers dark light ansi"
NAMES = "hitl zh en tiny operator RUN compare resume theme"
FORMATS = "ranklist preferences scores parquet policy"
KNOWN = {word.lower() for word in f"{KEYS} {SYMBOLS} {NAMES} {FORMATS}".split()}

TEXTS = ["碰到了老同学，大家一起在湖边聊了一个下午。" * 30, "天气很好", "不错", "房间很小。"]


def english(text: str) -> set[str]:
    """Words that a Chinese screen should not have."""
    text = re.sub(r"\b[a-z]+\.[a-z_0-9]+\b", " ", text)  # names of bindings, in the help
    text = re.sub(r"\S*/\S*", " ", text)  # paths
    return {word for word in re.findall(r"[A-Za-z]{2,}", text) if word.lower() not in KNOWN}


def is_chinese(me: Driver) -> None:
    found = english(me.text)
    assert not found, f"{sorted(found)} in\n{me.text}"
    assert re.search("[\u4e00-\u9fff]", me.text)


def session(mode: Mode, before: Any = lambda operator: None) -> ScriptedSession:
    texts = TEXTS[: 2 if mode is Mode.PAIR else 4]
    return ScriptedSession([group(1, texts, "今天天气很好，")], mode=mode, before=before)


PRESSED: dict[str, tuple[Mode, list[str]]] = {
    "first": (Mode.SCORE, []),
    "off the scale": (Mode.SCORE, ["9"]),
    "missing": (Mode.SCORE, ["4", "down", "enter"]),
    "pasted": (Mode.SCORE, ["天"]),
    "ranking": (Mode.RANK, ["3", "=", "9"]),
    "ranking twice": (Mode.RANK, ["3", "3"]),
    "ranking by Enter": (Mode.RANK, ["3", "enter"]),
    "shifting": (Mode.RANK, ["["]),
    "comparing": (Mode.PAIR, ["tab"]),
    "flag and note": (Mode.SCORE, ["f", "n", "好", "enter"]),
    "editing": (Mode.SCORE, ["e"]),
    "edited to the same": (Mode.SCORE, ["e", "enter"]),
    "prompt": (Mode.SCORE, ["p"]),
    "no prompt": (Mode.SCORE, ["p", "enter"]),
    "options": (Mode.SCORE, ["l"]),
    "options that are none": (Mode.SCORE, ["l", *["backspace"] * 20, "好", "enter"]),
    "pausing": (Mode.SCORE, ["t"]),
    "tokens": (Mode.SCORE, ["i"]),
    "help of scoring": (Mode.SCORE, ["question_mark"]),
    "help of ranking": (Mode.RANK, ["question_mark"]),
    "help of comparing": (Mode.PAIR, ["question_mark"]),
}


@pytest.mark.parametrize("name", PRESSED)
async def test_judging(name: str) -> None:
    mode, keys = PRESSED[name]
    async with driving(session(mode), (120, 60), version=0, tr=ZH) as me:
        await me.at_desk()
        await me.press(*keys)
        await me.pilot.pause(0.1)
        is_chinese(me)


async def test_what_the_session_tells() -> None:
    done = Judgement((1, 0), Skip(), "operator", Mode.SCORE)
    told = [
        Progress("update", 1, 4),
        Updated(update(1)),
        Rejudged(done, 1.0),
        Undone(done, 0),
        Notice(Sentence("checkpoint {name} skipped: {why}", name="000012", why="–"), "warning"),
    ]

    def before(operator: Operator) -> None:
        for event in told:
            operator.notify(event)

    async with driving(session(Mode.SCORE, before), (120, 40), tr=ZH) as me:
        await me.at_desk()
        is_chinese(me)
        await me.press("4", "3", "5", "1")
        await me.kept(1)
        is_chinese(me)
        await me.press("backspace")
        await me.at_desk()
        is_chinese(me)


@asynccontextmanager
async def visiting(run: RunDir, *keys: str) -> AsyncIterator[Driver]:
    config = SessionConfig(batch_size=8, group_size=2, target_kl=4.0)
    updates = [update(n) for n in range(1, 13)]
    info = SessionInfo(run.name, config, "tiny-zh", 12, updates, run.path)
    scripted = ScriptedSession([group(1, ["天气", "很好"], "今天")], before=contrasts("zh"))
    app = HitlApp(plan=SessionPlan(info, scripted.start), tr=ZH)
    async with app.run_test(size=(120, 40)) as pilot:
        me = Driver(pilot, scripted)
        await me.until(lambda: app._judging and app._judging.open)
        await me.until(lambda: len(app._judging.heard.contrasts) == 16)  # type: ignore[union-attr]
        for key in keys:
            await me.press(key)
            await me.pilot.pause(0.2)
        try:
            yield me
        finally:
            app.hang_up()
            await asyncio.to_thread(scripted.ended.wait, 5)
    app.finish()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    return run_of(tmp_path_factory.mktemp("runs"), "zh")


BESIDE = {
    "curves": ["f3"],
    "alarms": ["f3", "tab"],
    "texts": ["f3", "tab", "tab"],
    "data": ["f4"],
    "data filtered": ["f4", "s", "m", "f", "n"],
    "data, too late": ["f4", "s", "s", "x"],
    "quality": ["f4", "i"],
    "export": ["f4", "f", "e"],
    "runs": ["f5"],
    "updates": ["f5", "u"],
    "blind test": ["f6"],
    "a pair of it": ["f6", "enter"],
    "its result": ["f6", "enter", *["left"] * 10],
    "help of training": ["f3", "question_mark"],
    "help of data": ["f4", "question_mark"],
    "help of the blind test": ["f6", "question_mark"],
    "palette": ["ctrl+p"],
}


@pytest.mark.parametrize("name", BESIDE)
async def test_beside_judging(run: RunDir, name: str) -> None:
    async with visiting(run, *BESIDE[name]) as me:
        is_chinese(me)


async def test_two_runs_compared(tmp_path: Path) -> None:
    run = run_of(tmp_path, "zh")
    run_of(tmp_path, "en")
    async with visiting(run, "f5", "c", "down", "c") as me:
        is_chinese(me)


async def test_the_picker() -> None:
    app = HitlApp(runs=RUNS, tr=ZH)
    async with app.run_test(size=(80, 24)) as pilot:
        pilot_: Pilot[Any] = pilot
        me = Driver(pilot_, session(Mode.SCORE))
        await me.sees("中文-[/x][2J")
        is_chinese(me)
        await me.press("question_mark")
        await me.sees("runs.choose")
        is_chinese(me)

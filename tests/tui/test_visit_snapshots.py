"""The screens beside judging as pictures. After a wanted change: --snapshot-update, and look."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from hitl.blind import numbers
from hitl.config.recorded import to_json
from hitl.config.session import SessionConfig
from hitl.journal import Journal
from hitl.operator import Contrasted, Operator
from hitl.records import Completion, Group, Judgement, Mode, Prompt, Scores, UpdateStats
from hitl.rundir import RunDir
from hitl.tui.app import HitlApp, SessionPlan
from hitl.tui.screens.frame import SessionInfo
from hitl.wording import Language, translator

from .scripted import ScriptedSession, group

TEXTS = {
    "en": ("The old house at the end of the road", " was [/x] quiet and green.", " burned down."),
    "zh": ("今天天气很好，我们去公园散步，", "碰到了老同学，大家一起聊了一个下午。", "天气天气。"),
}

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
LANGUAGES = pytest.mark.parametrize("language", ["en", "zh"])


def update(number: int) -> UpdateStats:
    wave = math.sin(number)
    return UpdateStats(
        number, 16, 2.5 + number / 10 + wave / 5, 0.9, 0.7 * number, 0.05, -0.1, 0.5 - number / 50,
        3.2 - number / 40, 0.05 + wave / 30, 0.01, 0.5, 4, 3.25,
    )  # fmt: skip


def run_of(root: Path, language: str) -> RunDir:
    """Twelve updates, a flag, a note, three judgements that wait."""
    prompt, good, bad = TEXTS[language]
    run = RunDir.create(root, f"{language}-01", {"options": to_json(SessionConfig(lang=language))})
    with Journal.open(run.journal_path) as journal:
        for n in range(1, 16):
            done = tuple(
                Completion(text, tuple(range(len(text))), (0.0,) * len(text), True)
                for text in (good, bad)
            )
            journal.add_groups([Group(Prompt(prompt, n), (1,), done, 0)])
            journal.append(
                Judgement(
                    (n, 0), Scores((4.0, 2.0)), "李" if n % 4 == 0 else "operator", Mode.SCORE,
                    seconds=3.0 + n / 4, shown=(1, 0), flag=n == 14, note="不错" if n == 13 else "",
                )
            )  # fmt: skip
            if n <= 12:
                journal.record_update(update(n), [n])
    return run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RunDir]:
    """A run of each language; the pictures only read them."""
    return {lang: run_of(tmp_path_factory.mktemp(lang), lang) for lang in TEXTS}


def contrasts(language: str) -> Callable[[Operator], None]:
    prompt, good, bad = TEXTS[language]

    def tell(operator: Operator) -> None:
        for number in (*range(1, 7), *numbers(1)):
            operator.notify(Contrasted(number, 12, prompt, bad, good * (1 + number % 3)))

    return tell


@SIZES
@LANGUAGES
@pytest.mark.parametrize("screen", ["train", "alarms", "texts", "data", "updates", "blind", "pair"])
def test_screens(
    snap_compare: Any,
    runs: dict[str, RunDir],
    screen: str,
    language: Language,
    size: tuple[int, int],
) -> None:
    run = runs[language]
    config = SessionConfig(batch_size=8, group_size=2, target_kl=4.0)
    info = SessionInfo(
        run.name, config, f"tiny-{language}", 12, [update(n) for n in range(1, 13)], run.path
    )
    session = ScriptedSession([group(1, ["one", "two"])], before=contrasts(language))
    plan, tr = SessionPlan(info, session.start), translator(language)
    app = HitlApp(plan=plan, clock=lambda: 0.0, tr=tr)
    keys = {
        "train": ["f3"], "alarms": ["f3", "tab"], "texts": ["f3", "tab", "tab"], "data": ["f4"],
        "updates": ["f5"], "blind": ["f6"], "pair": ["f6"],
    }  # fmt: skip
    seen = {
        "data": lambda s: s._looked_at is not None,
        "updates": lambda s: bool(s._runs),
        "blind": lambda s: s._past is not None,
        "pair": lambda s: s._past is not None,
        "alarms": lambda s: s._written is not None,
    }

    async def play(pilot: Pilot[Any]) -> None:
        while not (app._judging and app._judging.open and len(app._judging.heard.contrasts) == 16):
            await pilot.pause(0.01)
        await pilot.press(*keys[screen])
        while not seen.get(screen, lambda s: True)(app.screen):
            await pilot.pause(0.01)
        if screen == "updates":
            visit: Any = app.screen
            visit._runs = tuple(replace(one, age_s=60.0) for one in visit._runs)
            visit._show()
            await pilot.press("u")
        if screen == "pair":
            await pilot.press("enter")
        await pilot.pause(0.2)

    try:
        assert snap_compare(app, terminal_size=size, run_before=play)
    finally:
        app.finish()

"""The screens as pictures. After a wanted change: pytest tests/tui/test_snapshots.py
--snapshot-update, and look at them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from hitl.config.session import SessionConfig
from hitl.records import Mode
from hitl.tui.app import HitlApp, SessionPlan
from hitl.tui.screens.frame import SessionInfo
from hitl.tui.theme import ThemeName
from hitl.wording import Language, translator

from .scripted import ScriptedSession, group
from .test_runs_screen import RUNS

GROUPS = {
    "en": group(
        1,
        [
            "there was a little dog who lived by the sea. " * 8,
            "[/x] the film was [SEP] so bad [@click=app.quit]",
            "short.",
            "a king had three sons, and each of them had a horse, a sword and a bad temper.",
        ],
        "Once upon a time",
    ),
    "zh": group(
        1,
        [
            "碰到了老同学，大家一起在湖边聊了一个下午。" * 8,
            "天气天气天气很好很好",
            "不错",
            "房间很小。",
        ],
        "今天天气很好，我们去公园散步，",
    ),
}


async def settled(pilot: Pilot[Any]) -> None:
    """Until nothing moves any more."""
    screen: Any = pilot.app.screen
    while True:
        before = [(card.region, card.size) for card in screen.cards]
        await pilot.pause(0.1)
        if before == [(card.region, card.size) for card in screen.cards]:
            return


SIZES = pytest.mark.parametrize(
    "size", [(80, 24), (120, 40), (200, 60)], ids=["80x24", "120x40", "200x60"]
)


@SIZES
@pytest.mark.parametrize("language", ["en", "zh"])
def test_scoring(snap_compare: Any, language: Language, size: tuple[int, int]) -> None:
    """Texts and screens in one language."""
    session = ScriptedSession([GROUPS[language]], batch_size=8)
    config = SessionConfig(batch_size=8)
    info = SessionInfo(f"{language}-01", config, f"tiny-{language}", 12)
    plan, tr = SessionPlan(info, session.start), translator(language)
    app = HitlApp(plan=plan, clock=lambda: 0.0, tr=tr)

    async def play(pilot: Pilot[Any]) -> None:
        for kept in range(3):
            while not (app._judging and app._judging._desks == kept + 1 and app._judging.open):
                await pilot.pause(0.01)
            await pilot.press("5", "3", *(("2", "4") if kept < 2 else ()))
        await settled(pilot)

    try:
        assert snap_compare(app, terminal_size=size, run_before=play)
    finally:
        app.finish()


KEYS: dict[str, tuple[Mode, list[str]]] = {
    "rank": (Mode.RANK, ["3", "1", "f", "n", *"why", "enter"]),
    "pair": (Mode.PAIR, ["tab"]),
    "edit": (Mode.SCORE, ["3", "down", "e", *"天 day", "ctrl+j"]),
    "prompt": (Mode.SCORE, ["p", *"从前 once"]),
    "tokens": (Mode.SCORE, ["down", "i"]),
    "help": (Mode.PAIR, ["question_mark"]),
}


@pytest.mark.parametrize(
    ("screen", "language", "size"),
    [
        pytest.param(screen, language, (width, height), id=f"{screen}-{language}-{width}x{height}")
        for screen in KEYS
        for language in ("en", "zh")
        for width, height in ((80, 24), (120, 40), (200, 60))
        if width < 200 or screen in ("rank", "pair")
    ],
)
def test_other_screens(
    snap_compare: Any,
    monkeypatch: pytest.MonkeyPatch,
    screen: str,
    language: Language,
    size: tuple[int, int],
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/home/ann/.config")
    mode, keys = KEYS[screen]
    shown = GROUPS[language]
    shown = replace(shown, completions=shown.completions[: 2 if mode is Mode.PAIR else 4])
    session = ScriptedSession([shown], batch_size=8, mode=mode)
    config = SessionConfig(batch_size=8, mode=mode.value, group_size=len(shown.completions))
    info = SessionInfo(f"{language}-01", config, f"tiny-{language}", 12)
    plan, tr = SessionPlan(info, session.start), translator(language)
    app = HitlApp(plan=plan, clock=lambda: 0.0, tr=tr)

    async def play(pilot: Pilot[Any]) -> None:
        while not (app._judging and app._judging.open):
            await pilot.pause(0.01)
        await settled(pilot)
        await pilot.press(*keys)
        while screen == "tokens" and app._judging._inspected is None:
            await pilot.pause(0.01)
        await pilot.pause(0.2)

    try:
        assert snap_compare(app, terminal_size=size, run_before=play)
    finally:
        app.finish()


@pytest.mark.parametrize("theme", ["dark", "light", "ansi"])
def test_picker(snap_compare: Any, theme: ThemeName) -> None:
    app = HitlApp(runs=RUNS, theme=theme, tr=translator("en" if theme == "dark" else "zh"))
    assert snap_compare(app, terminal_size=(80, 24))

"""The picker."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from hitl.tui.app import HitlApp, Leave, NewRun, ResumeRun


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
        await pilot.pause()
        text = "\n".join(s.text for s in app.screen._compositor.render_strips())
        assert "中文-[/x][2J" in text and "\x1b" not in text and "damaged" in text
        assert "1m" in text or "2m" in text
        await pilot.press(*keys)
    assert app.return_value == choice

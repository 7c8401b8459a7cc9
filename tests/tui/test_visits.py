"""Screens beside judging: there and back, with the group as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.events import Key

from hitl.tui.screens.visit import Visit

from .stint import new_run, stint

SCREENS = {"f3": "train", "f4": "data", "f5": "runs", "f6": "blind"}


@pytest.mark.parametrize("mode", ["score", "rank", "pair"])
@pytest.mark.parametrize("back", ["escape", "q", "f2"])
async def test_every_screen_and_back(tmp_path: Path, mode: str, back: str) -> None:
    async with stint(new_run(tmp_path), mode=mode) as me:
        await me.at_desk()
        for key, name in SCREENS.items():
            await me.press(key)
            assert isinstance(me.app.screen, Visit) and name == me.app.screen.WHERE
            await me.press(back)
            assert me.app.screen is me.judging
        await me.press("f3", "f4", "f5")
        assert me.app.screen.WHERE == "runs" and len(me.app.screen_stack) == 3
        await me.press(back)
        assert me.app.screen is me.judging


async def test_the_half_judged_group_its_entries_and_its_clock_are_as_they_were(
    tmp_path: Path,
) -> None:
    now = [100.0]
    async with stint(new_run(tmp_path), clock=lambda: now[0]) as me:
        await me.at_desk()
        await me.press("4")
        now[0] += 3
        await me.press("f4")
        now[0] += 1000
        await me.press("f3")
        now[0] += 1000
        await me.press("escape")
        assert "[ 4 ]" in me.text
        now[0] += 2
        await me.judge("2")
        [judged] = me.look(lambda j: j.judged())
        assert judged.judgement.seconds == 5.0 and judged.judgement.keys == "42"


async def test_the_session_goes_on_behind(tmp_path: Path) -> None:
    async with stint(new_run(tmp_path)) as me:
        for _ in range(3):
            await me.judge("4", "2")
        await me.at_desk()
        await me.press("4", "2", "f4")
        await me.until(lambda: me.engine.version == 1)
        await me.sees("policy v1")
        assert me.app.screen.WHERE == "data"


async def test_ctrl_q_saves_and_leaves_from_anywhere(tmp_path: Path) -> None:
    async with stint(new_run(tmp_path)) as me:
        await me.judge("4", "2")
        await me.press("f4", "ctrl+q")
        await me.until(lambda: not me.app._thread.is_alive())
        assert me.look(lambda j: j.totals().judgements) == 1


async def test_no_screen_comes_over_a_question(tmp_path: Path) -> None:
    async with stint(new_run(tmp_path)) as me:
        await me.at_desk()
        await me.press("n")
        entry = me.app.screen
        me.app.action_visit("data")
        await me.pilot.pause()
        assert me.app.screen is entry


@pytest.mark.parametrize("key", ["f3", "f4", "f5", "f6"])
async def test_help_is_made_of_the_keymap(tmp_path: Path, key: str) -> None:
    async with stint(new_run(tmp_path), (80, 40)) as me:
        await me.at_desk()
        await me.press(key)
        visit = me.app.screen
        await me.press("question_mark")
        for one in visit.help_keys():
            assert one.tooltip.partition(":")[0] in me.text, one.id
        await me.press("escape")
        assert me.app.screen is visit


async def test_the_palette_names_screens_and_actions(tmp_path: Path) -> None:
    async with stint(new_run(tmp_path), (100, 40)) as me:
        await me.at_desk()
        await me.press("ctrl+p")
        await me.press(*"judged so far")
        await me.sees("data")
        await me.press("enter")
        await me.until(lambda: getattr(me.app.screen, "WHERE", "") == "data")
        await me.press("ctrl+p")
        await me.press(*"only flagged")
        await me.sees("only flagged ones")
        await me.press("enter")
        await me.until(lambda: "flagged" in me.text and "Judgements" in me.text)


async def test_enter_again_and_again_gives_one_command(tmp_path: Path) -> None:
    async with stint(new_run(tmp_path), (100, 40)) as me:
        await me.at_desk()
        await me.press("ctrl+p")
        await me.press(*"flag the group")
        await me.until(lambda: "key: f" in me.text and "key: n" not in me.text)
        for _ in range(3):
            me.app.post_message(Key("enter", None))
        await me.until(lambda: me.app.screen is me.judging)
        await me.sees("[flag]")

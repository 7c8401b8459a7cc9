"""A terminal with less than 80×24 cells."""

from __future__ import annotations

import pytest

from hitl.config.session import SessionConfig
from hitl.tui.app import HitlApp, SessionPlan
from hitl.tui.messages import GoBack
from hitl.tui.screens.frame import SessionInfo
from hitl.wording import Translator, translator

from .driving import Driver, driving
from .scripted import ScriptedSession, group

SAID = {"en": "hitl needs 80×24", "zh": "hitl 需要至少 80×24"}


def session() -> ScriptedSession:
    return ScriptedSession([group(1, ["a fine day", "天气很好"])])


@pytest.mark.parametrize("size", [(79, 24), (80, 23), (20, 5)])
@pytest.mark.parametrize("tr", [translator("en"), translator("zh")], ids=["en", "zh"])
async def test_says_so_in_one_sentence(tr: Translator, size: tuple[int, int]) -> None:
    async with driving(session(), size, tr=tr) as me:
        squeezed = SAID[tr.language].replace(" ", "")
        await me.until(lambda: squeezed in "".join(me.text.split()))
        assert "[ _ ]" not in me.text


async def test_nothing_is_judged_that_cannot_be_seen() -> None:
    async with driving(session()) as me:
        await me.at_desk()
        await me.press("4")
        await me.pilot.resize_terminal(60, 20)
        await me.sees("hitl needs")
        await me.press("5", "space", "f3")
        assert not me.session.kept
        await me.pilot.resize_terminal(80, 24)
        await me.until(lambda: me.app.screen is me.app._judging)
        assert "[ 4 ]" in me.text
        await me.press("5")
        await me.kept(1)


async def test_q_saves_and_leaves() -> None:
    async with driving(session(), (60, 20)) as me:
        await me.sees("hitl needs")
        await me.press("q")
        await me.until(me.session.ended.is_set)


async def test_nothing_shines_through_in_the_colours_of_the_terminal() -> None:
    async with driving(session()) as me:
        await me.at_desk()
        me.app.action_colours("ansi")
        await me.pilot.resize_terminal(60, 20)
        await me.sees("hitl needs")
        assert "a fine day" not in me.text


async def test_a_run_that_is_gone_back_to_says_it_too() -> None:
    one = ScriptedSession([group(1, ["a fine day", "天气很好"])], hold={"save"})
    other = session()

    def plan(run: ScriptedSession, name: str) -> SessionPlan:
        config = SessionConfig(group_size=2, batch_size=8)
        return SessionPlan(SessionInfo(name, config, "tiny-zh", 3), run.start)

    app = HitlApp(plan=plan(one, "zh-01"), begin=lambda choice: plan(other, "zh-02"))
    async with app.run_test(size=(80, 24)) as pilot:
        me = Driver(pilot, one)
        try:
            await me.at_desk()
            app.post_message(GoBack("zh-02", 1))
            await me.sees("saving")
            await pilot.resize_terminal(60, 20)
            await me.sees("hitl needs")
            one.let_go()
            me.session = other
            await me.until(lambda: me.app._judging.info.run == "zh-02")
            await me.at_desk()
            await me.sees("hitl needs")
            await me.press("5", "4")
            assert not other.kept
        finally:
            other.let_go()
            app.hang_up()
    app.finish()

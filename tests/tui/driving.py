"""Driving the app in a test: keys in, text out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from textual.pilot import Pilot

from hitl.config.session import SessionConfig
from hitl.tui.app import HitlApp, SessionPlan
from hitl.tui.remap import Keymap
from hitl.tui.screens.frame import SessionInfo
from hitl.wording import ENGLISH, Translator

from .scripted import ScriptedSession


def placed(screen: Any) -> bool:
    """Whether the cards of a judging screen have their place: a busy machine gives it late."""
    return all(card.size for card in screen.cards if card.display)


class Driver:
    """A person with patience."""

    def __init__(self, pilot: Pilot[Any], session: ScriptedSession) -> None:
        self.pilot = pilot
        self.app: Any = pilot.app
        self.session = session

    @property
    def text(self) -> str:
        """What is on the screen."""
        return "\n".join(self.lines)

    @property
    def lines(self) -> list[str]:
        screen = self.app.screen
        return [strip.text for strip in screen._compositor.render_strips()]

    async def until(self, what: Callable[[], object], seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < end, f"it did not come about; the screen:\n{self.text}"
            await asyncio.sleep(0.01)
            await self.pilot.pause()

    async def sees(self, text: str) -> None:
        await self.until(lambda: text in self.text)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def kept(self, number: int) -> None:
        """Until so many judgements are kept and the next group is on the screen."""
        await self.until(lambda: len(self.session.kept) == number)
        await self.at_desk()

    async def at_desk(self) -> None:
        """Until a group is there to be judged, and its cards have their place."""
        screen: Any = self.app._judging
        await self.until(
            lambda: (
                screen._desks == self.session.desks
                and screen.asked
                and screen.open
                and placed(screen)
            )
        )


@asynccontextmanager
async def driving(
    session: ScriptedSession,
    size: tuple[int, int] = (80, 24),
    version: int = 12,
    keymap: Keymap | None = None,
    checkpoint_age: float | None = None,
    tr: Translator = ENGLISH,
    **options: Any,
) -> AsyncIterator[Driver]:
    options = {"group_size": len(session.groups[0].completions), **options}
    config = SessionConfig(batch_size=session.batch_size, mode=session.mode.value, **options)
    app = HitlApp(
        plan=SessionPlan(
            SessionInfo("zh-01", config, "tiny-zh", version, checkpoint_age=checkpoint_age),
            session.start,
        ),
        keymap=keymap,
        tr=tr,
    )
    async with app.run_test(size=size) as pilot:
        try:
            yield Driver(pilot, session)
        finally:
            session.let_go()
            app.hang_up()
            await asyncio.to_thread(session.ended.wait, 5)
    app.finish()
    if app.error is not None:
        raise app.error

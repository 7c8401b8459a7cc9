"""`hitl serve` in a browser: a session with real keys, and nobody without the token.

Chromium without a window. What is on the screen is read from what the page's websocket brings,
drawn by a terminal emulator of our own: the page paints on a canvas, which has no text to ask for.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pyte
import pytest
from playwright.async_api import Page, Route, WebSocket, async_playwright

from hitl.journal import Journal

from .serving import TOKEN, served

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
)

FRESH = r"[\s\S]*▶1 .*\[ _ \]"
"""Nothing was entered yet, and it is not being written any more."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]


class Tab:
    """A page of the browser, and the terminal in it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.screen = pyte.Screen(80, 24)
        self.ended = False
        self.elsewhere: list[str] = []
        """Addresses that the page asked for and that are not the server's."""
        page.on("websocket", self._opened)

    async def stay_here(self, address: str) -> None:
        """Whatever else the page asks for is refused, as on a machine without a network."""

        async def decide(route: Route) -> None:
            if route.request.url.startswith(address):
                await route.continue_()
            else:
                self.elsewhere.append(route.request.url)
                await route.abort()

        await self.page.route("**/*", decide)

    def _opened(self, opened: WebSocket) -> None:
        size = parse_qs(urlsplit(opened.url).query)
        self.screen = pyte.Screen(int(size["width"][0]), int(size["height"][0]))
        self.ended = False
        stream = pyte.ByteStream(self.screen)

        def drawn(data: str | bytes) -> None:
            if isinstance(data, bytes):
                stream.feed(data)

        def closed(_: WebSocket) -> None:
            self.ended = True

        opened.on("framereceived", drawn)
        opened.on("close", closed)

    @property
    def text(self) -> str:
        return "\n".join(self.screen.display)

    async def until(self, pattern: str, seconds: float = 90) -> re.Match[str]:
        """Waits for `pattern` on the screen."""
        for _ in range(int(seconds * 10)):
            if found := re.search(pattern, self.text):
                return found
            await asyncio.sleep(0.1)
        raise AssertionError(f"no {pattern!r} within {seconds:.0f} s:\n{self.text}")

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.page.keyboard.press(key)

    async def judge(self, *keys: str) -> None:
        """Judges the group on the screen, and waits for another one."""
        before = await self.until(rf"提示 (\d+)\b{FRESH}")
        await self.press(*keys)
        await self.until(rf"提示 (?!{before[1]}\b)\d+\b{FRESH}")

    async def end(self) -> None:
        """q, and the page's word that the session is over."""
        await self.press("q")
        await self.page.get_by_text("Session ended.").wait_for(timeout=60_000)
        assert self.ended
        self.screen.reset()  # what is on it next is another session's


@pytest.fixture
async def tab() -> AsyncIterator[Tab]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, headless=True, args=FLAGS.split()
        )
        yield Tab(await browser.new_page(viewport={"width": 1000, "height": 700}))
        await browser.close()


async def test_a_first_session_in_a_browser(tab: Tab, tmp_path: Path) -> None:
    async with served(tmp_path) as address:
        await tab.stay_here(address)
        await tab.page.goto(f"{address}/?token={TOKEN}")
        await tab.until(rf"提示 1\b{FRESH}")
        assert "zh-01" in tab.text and re.search("[\u4e00-\u9fff]", tab.text)
        await tab.judge("4", "3", "5", "1")
        await tab.until(r"批次 4/16")
        for n in range(3):
            await tab.judge(*("4351" if n % 2 else "2244"))
        await tab.until(r"v1 │")  # 16 labels: an update
        await tab.press("Backspace")
        await tab.until("已经训练过了")
        await tab.judge("5", "1", "1", "5")
        await tab.until(r"批次 4/16")
        await tab.press("Backspace")
        await tab.until(r"批次 0/16")
        await tab.until(r"\[ 5 \][\s\S]*\[ 1 \][\s\S]*\[ 1 \]")
        await tab.end()

        await tab.page.get_by_text("Restart").click()
        await tab.until(r"zh-01[\s\S]*\b16\b")  # its labels, in the list of runs
        await tab.press("Enter")
        await tab.until(r"v1 │[\s\S]*\[ 5 \]")  # undone, and not forgotten
        await tab.end()
        # A page that waits for another one's fonts starts late, or never.
        assert tab.elsewhere == []
    with Journal.open(tmp_path / "checkpoints" / "zh-01" / "journal.db", readonly=True) as run:
        kept = [judged.judgement for judged in run.judged()]
        assert len(run.updates()) == 1
    assert [judgement.keys for judgement in kept] == ["2244", "4351", "2244", "4351"]


async def test_the_page_is_for_those_who_know_the_token(tab: Tab, tmp_path: Path) -> None:
    async with served(tmp_path) as address:
        for query in ("", "?token=wrong-token"):
            answer = await tab.page.goto(f"{address}/{query}")
            assert answer is not None and answer.status == 403
            await tab.page.get_by_text("open the address with the token").wait_for()
        assert not (tmp_path / "checkpoints").exists()
        answer = await tab.page.goto(f"{address}/?token={TOKEN}")
        assert answer is not None and answer.status == 200
        await tab.until(r"策略 tiny-zh v0")

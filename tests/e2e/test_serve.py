"""The terminal UI through a browser's protocol: nobody without the token, and no label lost."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from hitl.journal import Journal

from .conftest import Hitl
from .serving import TOKEN, served


async def seen(socket: aiohttp.ClientWebSocketResponse, wanted: Callable[[str], bool]) -> str:
    """What the app has drawn, once it has drawn what is `wanted`."""
    drawn = ""
    async with asyncio.timeout(120):
        async for message in socket:
            data = message.data
            drawn += data.decode("utf-8", "ignore") if isinstance(data, bytes) else ""
            if wanted(drawn):
                return drawn
    raise AssertionError(f"the connection ended before: {drawn[-500:]}")


async def test_a_browser_judges_and_closes_its_tab(tmp_path: Path) -> None:
    async with (
        served(tmp_path) as address,
        aiohttp.ClientSession(
            cookie_jar=aiohttp.CookieJar(unsafe=True)  # it is an IP address
        ) as browser,
    ):
        async with browser.get(f"{address}/?token={TOKEN}") as page:
            assert page.status == 200
            assert "samesite=strict" in page.headers["Set-Cookie"].lower()
        async with browser.ws_connect(f"{address}/ws?width=80&height=24") as tab:
            await seen(tab, lambda drawn: "[ _ ]" in drawn)  # not while it is being written
            for key in "4215":
                await tab.send_json(["stdin", key])
            await seen(tab, lambda drawn: "上一组：" in drawn)  # in the language of the locale
        journal = tmp_path / "checkpoints" / "zh-01" / "journal.db"
        for _ in range(300):  # the app is on its way out
            with Journal.open(journal, readonly=True) as run:
                if run.totals().labels == 4:
                    break
            await asyncio.sleep(0.1)
        with Journal.open(journal, readonly=True) as run:
            assert [j.judgement.keys for j in run.judged()] == ["4215"]


async def test_nobody_comes_in_without_the_token(tmp_path: Path) -> None:
    async with served(tmp_path) as address, aiohttp.ClientSession() as browser:
        for path in ("/", "/?token=wrong", "/static/css/xterm.css", "/download/x"):
            async with browser.get(address + path) as page:
                assert page.status == 403
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await browser.ws_connect(f"{address}/ws")
        assert refused.value.status == 403
    assert not (tmp_path / "checkpoints").exists()


def test_what_cannot_be_served_is_one_line(hitl: Hitl) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for arguments, message in (
            (("--port", str(port)), "cannot be listened on"),
            (("--host", "0.0.0.0"), "say with --public-url"),
            (("--port", "0"), "--port 0 is no port"),
            (("--token", "abc"), "at least 8 characters"),
        ):
            done = hitl("serve", *arguments)
            assert done.returncode in (1, 2)
            assert message in done.stderr and len(done.stderr.strip().splitlines()) == 1

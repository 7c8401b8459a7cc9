"""`hitl serve` as a process of its own, in a folder, behind a known token."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from .conftest import environment

TOKEN = "a-token-of-the-test"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@asynccontextmanager
async def served(folder: Path, lang: str = "zh_CN.UTF-8") -> AsyncIterator[str]:
    """`hitl serve` in `folder`; its address."""
    port = free_port()
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "hitl", "serve", "--port", str(port), "--token", TOKEN],
            cwd=folder, env=environment() | {"LANG": lang}, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            await asyncio.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 60)
    assert TOKEN in (folder / "serve.log").read_text("utf-8")

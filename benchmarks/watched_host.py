"""`hitl host` that notes how long its journal and its policy take.

    python benchmarks/watched_host.py TIMES.json host RUN ...

Takes the options of `hitl`, and writes to TIMES.json when the host has ended. The seconds of a
commit are from the call until the judgement is on disk, the wait for another thread's commit
included.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hitl.cli import main
from hitl.journal import Journal


def timed(call: Callable[..., Any], seconds: list[float]) -> Callable[..., Any]:
    """The same call, whose time is appended to `seconds`."""

    def watched(*given: Any, **named: Any) -> Any:
        since = time.perf_counter()
        try:
            return call(*given, **named)
        finally:
            seconds.append(time.perf_counter() - since)

    return watched


def watched(arguments: list[str]) -> tuple[int, dict[str, list[float]]]:
    """The exit code of the command, and the seconds of each commit of a judgement, each group
    sampled and each update."""
    from hitl.learn.engine import LocalEngine

    seconds: dict[str, list[float]] = {"commit": [], "sample": [], "update": []}
    Journal.append = timed(Journal.append, seconds["commit"])  # type: ignore[method-assign]
    LocalEngine.sample = timed(LocalEngine.sample, seconds["sample"])  # type: ignore[method-assign]
    LocalEngine.update = timed(LocalEngine.update, seconds["update"])  # type: ignore[method-assign]
    return main(arguments), seconds


if __name__ == "__main__":
    code, seconds = watched(sys.argv[2:])
    Path(sys.argv[1]).write_text(json.dumps(seconds), encoding="utf-8")
    sys.exit(code)

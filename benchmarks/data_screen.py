"""How long the data screen takes for each key when a run is large. Prints a table; judges nothing.

python benchmarks/data_screen.py [JUDGEMENTS]     (10000)

Each figure is from the key to what it brings, in the app itself at 120×40. "stall" is how late a
timer of 10 ms came at most meanwhile: how long a key pressed then would have waited.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from journal import BATCH, group, judgement, stats

from hitl.config.recorded import to_json
from hitl.config.session import SessionConfig
from hitl.journal import Journal
from hitl.operator import Operator
from hitl.rundir import RunDir
from hitl.tui.app import HitlApp, SessionPlan
from hitl.tui.screens.frame import SessionInfo

TIMES = 5


def fill(root: Path, count: int) -> RunDir:
    """A run with so many judgements; all but the last few are trained."""
    config = SessionConfig(lang="zh")
    run = RunDir.create(root, "zh-01", {"options": to_json(config)})
    with Journal.open(run.journal_path) as journal:
        journal.add_groups([group(n) for n in range(1, count + 1)])
        for number in range(1, count + 1):
            journal.append(judgement(number))
        for number in range(1, count // BATCH):
            first = (number - 1) * BATCH + 1
            journal.record_update(stats(number), range(first, first + BATCH))
    return run


class Bench:
    """Presses keys and waits for what they bring."""

    def __init__(self, pilot: Any) -> None:
        self.pilot = pilot
        self.stall = 0.0
        self._stop = False

    async def watch(self) -> None:
        """How late a timer comes."""
        while not self._stop:
            start = time.perf_counter()
            await asyncio.sleep(0.01)
            self.stall = max(self.stall, time.perf_counter() - start - 0.01)

    @property
    def page(self) -> Any:
        return self.pilot.app.screen._page

    async def timed(
        self,
        name: str,
        keys: list[str],
        seen: Callable[[Any], bool],
        reset: list[str],
        before: Sequence[str] = (),
    ) -> None:
        """Median and greatest time of `keys` until `seen`, ms; `reset` goes back."""
        taken = []
        self.stall = 0.0
        for _ in range(TIMES):
            for key in before:
                await self.press(key)
                await asyncio.sleep(0.2)
            start = time.perf_counter()
            for key in keys:
                await self.press(key)
            async with asyncio.timeout(20):
                while not seen(self.pilot.app.screen):
                    await asyncio.sleep(0.001)
            await asyncio.sleep(0)
            taken.append((time.perf_counter() - start) * 1e3)
            for key in reset:
                await self.press(key)
            await asyncio.sleep(0.4)
        taken.sort()
        print(
            f"{name:34} {taken[TIMES // 2]:8.0f} ms  max {taken[-1]:6.0f} ms  "
            f"stall {self.stall * 1e3:5.0f} ms"
        )

    async def press(self, key: str) -> None:
        """A key, without the pilot's own waiting."""
        from textual import events

        app = self.pilot.app
        app.post_message(events.Key(key, key if len(key) == 1 else None))
        await asyncio.sleep(0)

    def end(self) -> None:
        self._stop = True


async def measure(run: RunDir, count: int) -> None:
    """Every key of the data screen that reads the journal."""
    done = asyncio.Event()
    loop = asyncio.get_running_loop()

    def start(operator: Operator) -> None:
        asyncio.run_coroutine_threadsafe(done.wait(), loop).result()

    info = SessionInfo("zh-01", SessionConfig(lang="zh"), "tiny-zh", 0, (), run.path)
    app = HitlApp(plan=SessionPlan(info, start))
    async with app.run_test(size=(120, 40)) as pilot:
        bench = Bench(pilot)
        watcher = asyncio.create_task(bench.watch())
        data = lambda screen: getattr(screen, "WHERE", "") == "data"  # noqa: E731
        await bench.timed(
            f"F4, first page of {count}", ["f4"],
            lambda s: data(s) and bool(s._page.rows), ["escape"],
        )  # fmt: skip
        await bench.press("f4")
        await asyncio.sleep(1)
        last = (count - 1) // 100 * 100
        await bench.timed("End", ["end"], lambda s: s._page.offset == last, ["home"])
        await bench.timed(
            "one row down, with preview", ["down"],
            lambda s: s._looked_at is not None and s._looked_at.id == s.listed.id, [],
        )  # fmt: skip
        await bench.timed(
            "s: waiting", ["s"],
            lambda s: s._filter.state == "waiting" and s._page.total < count, ["c"],
        )  # fmt: skip
        await bench.timed(
            "s s: trained", ["s", "s"],
            lambda s: s._filter.state == "trained" and s._page.total > 8, ["c"],
        )  # fmt: skip
        await bench.timed(
            "words in none of the texts", ["enter"],
            lambda s: data(s) and s._filter.text == "7x" and not s._page.rows, ["c"],
            before=["slash", *"7x"],
        )  # fmt: skip
        await bench.timed("i, figures of all of them", ["i"], lambda s: not data(s), ["escape"])
        bench.end()
        await watcher
        done.set()
    app.finish()


def main() -> None:
    count = int(sys.argv[1]) if sys.argv[1:] else 10_000
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(fill(Path(folder), count), count))


if __name__ == "__main__":
    main()

"""How long every call of the journal takes when a run is large. Prints a table; judges nothing.

python benchmarks/journal.py [GROUPS]     (10000)
"""

from __future__ import annotations

import random
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from hitl.journal import Journal
from hitl.records import Completion, Group, Judgement, Mode, Prompt, Scores, UpdateStats

TOKENS = 32
BATCH = 4


def group(number: int) -> Group:
    """Four completions of 32 tokens."""
    source = random.Random(number)
    logprobs = [source.gauss(-3, 2) for _ in range(TOKENS)]
    exact = struct.unpack(f"<{TOKENS}f", struct.pack(f"<{TOKENS}f", *logprobs))
    ids = tuple(source.randrange(20_000) for _ in range(TOKENS))
    return Group(
        Prompt("今天天气很好，我们去公园散步，", number),
        ids[:15],
        tuple(Completion("碰到了老同学，大家一起在湖边聊了一下午" * 2, ids, exact, True)
              for _ in range(4)),
        number // BATCH,
    )  # fmt: skip


def judgement(number: int) -> Judgement:
    """Four scores."""
    return Judgement(
        (number, 0), Scores((4.0, None, 2.0, 5.0)), "bench", Mode.SCORE, 7.5, "4 25", (2, 0, 1, 3)
    )


def stats(number: int) -> UpdateStats:
    """One update's figures."""
    return UpdateStats(number, 12, 3.6, 1.1, 2.5, 0.2, -0.01, 0.4, 3.2, 0.1, 0.01, 1.5, 4, 6.0)


def timed(name: str, call: Callable[[], object], times: int = 5) -> None:
    """Prints the median of `times` calls, ms, and of the processor's time in them."""
    taken, worked = [], []
    for _ in range(times):
        start, began = time.perf_counter(), time.process_time()
        call()
        taken.append((time.perf_counter() - start) * 1e3)
        worked.append((time.process_time() - began) * 1e3)
    middle = times // 2
    print(f"{name:34} {sorted(taken)[middle]:10.2f} ms {sorted(worked)[middle]:10.2f} ms of CPU")


def main(count: int) -> None:
    """Fills a journal with `count` judged groups in batches of four, then asks it everything."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "journal.db")
        with Journal.open(path, create=True) as journal:
            start = time.perf_counter()
            journal.add_groups([group(n) for n in range(1, count + 1)])
            print(f"{'add_groups, all at once':34} {(time.perf_counter() - start) * 1e3:10.2f} ms")
            start = time.perf_counter()
            for number in range(1, count + 1):
                journal.append(judgement(number))
            each = (time.perf_counter() - start) / count * 1e3
            print(f"{'append, mean of all':34} {each:10.3f} ms")
            timed("pending, none consumed", journal.pending, 3)
            for number in range(1, count // BATCH):
                first = (number - 1) * BATCH + 1
                journal.record_update(stats(number), range(first, first + BATCH))
        print(f"{'file':34} {path.stat().st_size / 1e6:10.2f} MB")
        timed("open, checked, and close", lambda: Journal.open(path).close())
        timed("open readonly, totals, close", lambda: look(path))
        with Journal.open(path) as journal:
            ask(journal, count)


def look(path: Path) -> None:
    """What the list of runs does."""
    with Journal.open(path, readonly=True) as journal:
        journal.totals()


def ask(journal: Journal, count: int) -> None:
    """Every call of a session in which `count` groups are judged."""
    journal.add_groups([group(n) for n in range(count + 1, count + 9)])
    timed("open_groups (8)", journal.open_groups)
    timed("pending (4)", journal.pending)
    timed("last_judged", journal.last_judged)
    timed("last_group_number", journal.last_group_number)
    timed("last_update", journal.last_update)
    timed("updates (all)", journal.updates)
    timed("update_batch", lambda: journal.update_batch(count // BATCH // 2))
    timed("judged(0, 50)", lambda: journal.judged(0, 50))
    timed("judged(near the end, 50)", lambda: journal.judged(count - 60, 50))
    timed("judged, all", lambda: journal.judged(), 3)
    timed("totals", journal.totals)
    timed("save_draft", lambda: journal.save_draft((count + 1, 0), ("4", "", "2", "")), 50)
    timed("draft", lambda: journal.draft((count + 1, 0)))
    timed("event", lambda: journal.event("option", {"lr": 1e-4}))
    timed("events", journal.events)
    timed("append and undo", lambda: journal.undo(journal.append(judgement(count + 1))), 20)
    timed("add_groups (1)", lambda: journal.add_groups([group(journal.last_group_number() + 1)]))
    timed("rollback", lambda: journal.rollback(journal.last_update() - 1))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)

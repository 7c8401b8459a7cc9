"""Several simulated operators at human pace against one host, over real connections.

    python benchmarks/host.py [--operators 1 8 64] [--seconds 60] [--pace 12]

Starts `hitl host` on a new run with a shipped policy, and lets N operators join, each with a
connection of their own. An operator looks at a group for a while (log-normal, `--pace` seconds in
the median, as people do), scores it, and waits for the next. Prints, for each N: labels a minute,
what the operators' pace alone would give, how long they waited for the next group and for the
acknowledgement of a judgement (p50 / p95), updates and what each took, labels that wait, how many
updates old a text was on average when it was learned from, and what a commit of the journal takes.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from hitl.config.session import SessionConfig
from hitl.creation import create_run
from hitl.host.joining import Joined, Where
from hitl.journal import Journal
from hitl.metrics import mean
from hitl.operator import Desk, Event, Judged, Quit, Reply
from hitl.records import Judgement, Scores

TOKEN = "benchmark-token"
SPREAD = 0.5
"""Standard deviation of the logarithm of the seconds a group is looked at."""


@dataclass
class Simulated:
    """Implements hitl.operator.Operator at a person's pace."""

    name: str
    pace: float
    until: float
    leaving: bool = False
    waits: list[float] = field(default_factory=list)
    """Seconds from an acknowledgement to the next group."""
    kept: list[float] = field(default_factory=list)
    """Seconds from a judgement to its acknowledgement."""
    looked: float = 0.0
    labels: int = 0

    def __post_init__(self) -> None:
        self._chance = random.Random(self.name)
        self._said = self._free = 0.0

    def judge(self, desk: Desk) -> Reply:
        now = time.monotonic()
        if self._free:
            self.waits.append(now - self._free)
        seconds = self.pace * self._chance.lognormvariate(0.0, SPREAD)
        if now + seconds > self.until:
            time.sleep(max(self.until - now, 0))
            return Quit()
        time.sleep(seconds)
        self.looked += seconds
        self._said = time.monotonic()
        values = tuple(float(self._chance.randint(1, 5)) for _ in desk.shown)
        return Judgement(
            desk.group.key, Scores(values), self.name, desk.mode, seconds, "k" * len(values),
            desk.shown,
        )  # fmt: skip

    def notify(self, event: Event) -> None:
        if isinstance(event, Judged):
            self._free = time.monotonic()
            self.kept.append(self._free - self._said)
            self.labels += event.judgement.labels


def quantiles(values: list[float]) -> str:
    """p50 / p95 in milliseconds."""
    if not values:
        return "-"
    ordered = sorted(values)
    return " / ".join(f"{1000 * ordered[int(q * (len(ordered) - 1))]:.0f}" for q in (0.5, 0.95))


def commits(run: Path, times: int = 50) -> list[float]:
    """What a commit of an event takes in the run's own journal, after the host has ended."""
    taken = []
    with Journal.open(run / "journal.db") as journal:
        for _ in range(times):
            since = time.perf_counter()
            journal.event("benchmark", {})
            taken.append(time.perf_counter() - since)
    return taken


def measure(count: int, seconds: float, pace: float, port: int, batch: int, policy: str) -> str:
    """A row of the table."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        create_run(root, "a", SessionConfig(policy=policy, lang="en", batch_size=batch))
        host = subprocess.Popen(
            [sys.executable, "-m", "hitl", "host", "a", "--root", str(root), "--port", str(port)],
            env=os.environ | {"HITL_TOKEN": TOKEN}, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert host.stdout is not None
        while "hosted" not in (line := host.stdout.readline()):
            assert line, "the host ended"
        threading.Thread(target=host.stdout.read, daemon=True).start()
        begun = time.monotonic()
        people = [Simulated(f"operator {n}", pace, begun + seconds) for n in range(count)]

        def hold(person: Simulated) -> None:
            joined = Joined(Where("a", f"127.0.0.1:{port}", TOKEN, person.name))
            joined.connect()
            joined.hold(person)

        threads = [threading.Thread(target=hold, args=(person,)) for person in people]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.monotonic() - begun
        host.send_signal(signal.SIGTERM)
        assert host.wait() == 0
        with Journal.open(root / "a" / "journal.db", readonly=True) as journal:
            totals = journal.totals()
            updates = journal.updates()
        given = sum(person.labels for person in people)
        assert given == totals.labels, (given, totals.labels)
        looked = sum(person.looked for person in people)
        alone = given / looked * count * 60 if looked else 0.0
        return (
            f"| {count} | {60 * given / took:.0f} | {alone:.0f} "
            f"| {quantiles([w for p in people for w in p.waits])} "
            f"| {quantiles([k for p in people for k in p.kept])} "
            f"| {totals.updates} | {mean([u.seconds for u in updates]):.1f} "
            f"| {totals.pending_labels} | {mean([u.staleness for u in updates]):.1f} "
            f"| {quantiles(commits(root / 'a'))} |"
        )


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--operators", type=int, nargs="+", default=[1, 8, 64])
    asked.add_argument("--seconds", type=float, default=60.0)
    asked.add_argument("--pace", type=float, default=12.0)
    asked.add_argument("--batch", type=int, default=16, help="labels an update learns from")
    asked.add_argument("--policy", default="tiny-en")
    asked.add_argument("--port", type=int, default=8799)
    given = asked.parse_args()
    print(
        "| operators | labels/min | pace alone | wait for a group, ms | to be kept, ms | updates "
        "| seconds each | labels waiting | staleness | commit, ms |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for count in given.operators:
        row = measure(
            count, given.seconds, given.pace, given.port, given.batch, given.policy
        )  # fmt: skip
        print(row, flush=True)


if __name__ == "__main__":
    main()

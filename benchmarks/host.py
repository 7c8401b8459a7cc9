"""Several simulated operators at human pace against one host, over real connections.

    python benchmarks/host.py run RESULTS.jsonl [--operators 1 8 64] [--batches 16] [--seconds 180]
    python benchmarks/host.py table RESULTS.jsonl

`run` starts `hitl host` on a new run with a shipped policy, and lets N operators join, each with a
connection of their own. An operator looks at a group for a while (log-normal, `--pace` seconds in
the median, as people do), scores it, and waits for the next. Each N and batch is a line of RESULTS;
what is there already is not done again.

`table` prints Markdown: labels a minute, what the operators' pace alone would give, the waits for
a group, for the acknowledgement of a judgement and for its commit in the host's journal, what the
policy took for a group and for an update, and how many people that is enough for.
"""

from __future__ import annotations

import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path

import tyro

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
GROUP = 4
"""Completions in a group."""


@dataclass(frozen=True)
class Times:
    """Of many waits, milliseconds."""

    count: int
    p50: float
    p95: float
    max: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Times:
        """Zeros when there was none."""
        if not seconds:
            return cls(0, 0.0, 0.0, 0.0)
        ordered = sorted(seconds)
        at = [1000 * ordered[int(q * (len(ordered) - 1))] for q in (0.5, 0.95, 1.0)]
        return cls(len(ordered), *(round(ms, 2) for ms in at))

    def __str__(self) -> str:
        digits = 0 if self.p50 >= 10 else 1
        shown = (f"{ms:.{digits}f}" for ms in (self.p50, self.p95, self.max))
        return " / ".join(shown) if self.count else "–"


@dataclass(frozen=True)
class Row:
    """A line of RESULTS."""

    operators: int
    batch: int
    """Labels an update learns from."""
    seconds: float
    """For which they judged."""
    pace: float
    policy: str
    labels: int
    labels_a_minute: float
    alone: float
    """Labels a minute if nobody ever waited."""
    wait: Times
    """From an acknowledgement, or from having joined, to the next group."""
    kept: Times
    """From a judgement to its acknowledgement, as the operator's end sees it."""
    commit: Times
    """Of a judgement in the host's journal."""
    sampled: int
    """Groups, those included that were sampled anew because the policy had moved on."""
    sample_s: float
    """Mean seconds of one."""
    updates: int
    update_s: float
    """The same of an update."""
    pending: int
    """Labels that wait for an update in the end."""
    staleness: float
    """Updates between the policy that sampled a text and the one that learned from it, mean."""
    machine: str

    @property
    def enough_for(self) -> float:
        """People at this pace whom one policy keeps busy, from what it took for a group and an
        update: p / (s + u / b). NaN without an update."""
        if not self.updates:
            return float("nan")
        return self.pace * LOG_MEAN / (self.sample_s + self.update_s * GROUP / self.batch)


LOG_MEAN = 2.718281828 ** (SPREAD**2 / 2)
"""Mean over median of a log-normal time."""


@dataclass(frozen=True)
class Run:
    """Measures."""

    results: tyro.conf.Positional[Path]
    operators: tuple[int, ...] = (1, 8, 64)
    batches: tuple[int, ...] = (16,)
    seconds: float = 180.0
    pace: float = 12.0
    """Median seconds that a group is looked at."""
    policy: str = "tiny-en"
    port: int = 8799


@dataclass(frozen=True)
class Table:
    """Shows what was measured."""

    results: tyro.conf.Positional[Path]


@dataclass
class Simulated:
    """Implements hitl.operator.Operator at a person's pace."""

    name: str
    pace: float
    until: float
    leaving: bool = False
    waits: list[float] = field(default_factory=list)
    """Seconds from when they were free to the next group."""
    kept: list[float] = field(default_factory=list)
    """Seconds from a judgement to its acknowledgement."""
    looked: float = 0.0
    labels: int = 0
    free: float = 0.0
    """Since when they have nothing before them."""

    def __post_init__(self) -> None:
        self._chance = random.Random(self.name)
        self._said = 0.0

    def judge(self, desk: Desk) -> Reply:
        now = time.monotonic()
        self.waits.append(now - self.free)
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
            self.free = time.monotonic()
            self.kept.append(self.free - self._said)
            self.labels += event.judgement.labels


def main() -> None:
    command = tyro.cli(Run | Table)
    if isinstance(command, Table):
        print("\n".join(table(read(command.results))))
        return
    done = {(row.operators, row.batch) for row in read(command.results)}
    for batch in command.batches:
        for count in command.operators:
            if (count, batch) not in done:
                row = measure(command, count, batch)
                with command.results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(row)) + "\n")
                print(row, flush=True)


def measure(command: Run, count: int, batch: int) -> Row:
    """So many operators for so long."""
    with tempfile.TemporaryDirectory() as folder:
        root, times = Path(folder), Path(folder, "times.json")
        config = SessionConfig(policy=command.policy, lang="en", batch_size=batch, group_size=GROUP)
        create_run(root, "a", config)
        script = Path(__file__).with_name("watched_host.py")
        host = subprocess.Popen(
            [sys.executable, str(script), str(times), "host", "a", "--root", str(root),
             "--port", str(command.port)],
            env=os.environ | {"HITL_TOKEN": TOKEN}, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert host.stdout is not None
        while "hosted" not in (line := host.stdout.readline()):
            assert line, "the host ended"
        threading.Thread(target=host.stdout.read, daemon=True).start()
        begun = time.monotonic()
        people = _hold(command, count, begun)
        took = time.monotonic() - begun
        host.send_signal(signal.SIGTERM)
        assert host.wait() == 0
        seconds = json.loads(times.read_text(encoding="utf-8"))
        with Journal.open(root / "a" / "journal.db", readonly=True) as journal:
            totals, updates = journal.totals(), journal.updates()
    given = sum(person.labels for person in people)
    assert given == totals.labels, (given, totals.labels)
    looked = sum(person.looked for person in people)
    return Row(
        operators=count,
        batch=batch,
        seconds=command.seconds,
        pace=command.pace,
        policy=command.policy,
        labels=given,
        labels_a_minute=60 * given / took,
        alone=given / looked * count * 60 if looked else 0.0,
        wait=Times.of([w for p in people for w in p.waits]),
        kept=Times.of([k for p in people for k in p.kept]),
        commit=Times.of(seconds["commit"]),
        sampled=len(seconds["sample"]),
        sample_s=mean(seconds["sample"]),
        updates=totals.updates,
        update_s=mean(seconds["update"]) if seconds["update"] else 0.0,
        pending=totals.pending_labels,
        staleness=mean([u.staleness for u in updates]) if updates else 0.0,
        machine=machine(),
    )


def _hold(command: Run, count: int, begun: float) -> list[Simulated]:
    """Lets them join, and judge until their time is over."""
    people = [Simulated(f"operator {n}", command.pace, begun + command.seconds)
              for n in range(count)]  # fmt: skip

    def hold(person: Simulated) -> None:
        joined = Joined(Where("a", f"127.0.0.1:{command.port}", TOKEN, person.name))
        joined.connect()
        person.free = time.monotonic()
        joined.hold(person)

    threads = [threading.Thread(target=hold, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return people


def machine() -> str:
    """Processors and versions."""
    model = "unknown processor"
    if (info := Path("/proc/cpuinfo")).exists():
        lines = info.read_text(encoding="utf-8").splitlines()
        model = next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), model)
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "aiohttp"))
    return f"{os.cpu_count()} × {model}, Python {platform.python_version()}, {packages}"


def read(path: Path) -> list[Row]:
    """The lines of a results file; none when it is not there."""
    if not path.exists():
        return []
    return [_row(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def _row(data: dict[str, object]) -> Row:
    waits = {name: Times(**data[name]) for name in ("wait", "kept", "commit")}  # type: ignore[arg-type]
    return Row(**{**data, **waits})  # type: ignore[arg-type]


def table(rows: Sequence[Row]) -> Iterable[str]:
    """Markdown."""
    head = ["operators", "batch", "labels/min", "pace alone", "wait for a group, ms",
            "to be kept, ms", "commit, ms", "groups sampled", "s each", "updates", "s each",
            "labels waiting", "staleness", "enough for"]  # fmt: skip
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    for r in sorted(rows, key=lambda r: (r.batch, r.operators)):
        cells = [
            str(r.operators), str(r.batch), f"{r.labels_a_minute:.0f}", f"{r.alone:.0f}",
            str(r.wait), str(r.kept), str(r.commit), str(r.sampled), f"{r.sample_s:.2f}",
            str(r.updates), f"{r.update_s:.1f}" if r.updates else "–", str(r.pending),
            f"{r.staleness:.1f}" if r.updates else "–",
            f"{r.enough_for:.0f}" if r.updates else "–",
        ]  # fmt: skip
        yield f"| {' | '.join(cells)} |"
    yield ""
    yield from sorted({f"{r.machine}; {r.policy}; {r.seconds:g} s each" for r in rows})


if __name__ == "__main__":
    main()

"""What a group, an update and a journal cost as one thing about them grows.

    python benchmarks/scaling.py run RESULTS.json [--device cuda] [--seconds 2]
    python benchmarks/scaling.py plot RESULTS.json PICTURE.png

One number is changed at a time: completions a group, tokens a completion, parameters of the
policy, groups in the journal. On a CPU seconds are the processor's, of one thread, so that other
work on the machine does not count. `plot` draws each with both axes logarithmic, and says the slope
between the last two points: 1 is what is linear, less is what has a part that does not grow.
"""

from __future__ import annotations

import json
import math
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch
import tyro
from journal import group as group_of
from journal import judgement as judgement_of
from speed_ours import write_policy
from transformers import GPT2Config

from hitl.config.session import SessionConfig
from hitl.journal import Journal
from hitl.learn.engine import LocalEngine
from hitl.records import LabelledGroup, Mode, Prompt

SIZES = {
    "6M": GPT2Config(vocab_size=8192, n_embd=192, n_layer=6, n_head=6),
    "30M": GPT2Config(vocab_size=21128, n_embd=384, n_layer=12, n_head=6),
    "124M": GPT2Config(),
    "355M": GPT2Config(n_embd=1024, n_layer=24, n_head=16),
    "774M": GPT2Config(n_embd=1280, n_layer=36, n_head=20),
}
"""GPT-2, by parameters."""


@dataclass(frozen=True)
class Run:
    """Measure."""

    results: Annotated[Path, tyro.conf.Positional]
    device: Literal["cpu", "cuda"] = "cpu"
    dtype: Literal["auto", "fp32", "bf16"] = "auto"
    policies: tuple[str, ...] = ("6M", "30M", "124M")
    seconds: float = 2.0
    """Each piece is done again for so long, at least twice after once to warm up."""


@dataclass(frozen=True)
class Plot:
    """Draw it."""

    results: Annotated[Path, tyro.conf.Positional]
    picture: Annotated[Path, tyro.conf.Positional]


def main() -> None:
    command = tyro.cli(Run | Plot)
    if isinstance(command, Plot):
        plot(json.loads(command.results.read_text()), command.picture)
        return
    torch.set_num_threads(1)
    found = {
        "machine": f"{platform.processor() or platform.machine()}, torch {torch.__version__}",
        "device": torch.cuda.get_device_name() if command.device == "cuda" else "cpu, one thread",
        "series": {},
    }
    for name, points in series(command):
        found["series"][name] = points
        command.results.write_text(json.dumps(found, indent=1) + "\n")
        print(name, *(f"{x:g}: {cost * 1e3:.2f} ms" for x, cost in points), flush=True)


def series(command: Run) -> Iterable[tuple[str, list[tuple[float, float]]]]:
    """(what grows and what is done, its points)"""
    with tempfile.TemporaryDirectory() as folder:
        small = write_policy(Path(folder) / "small", SIZES[command.policies[0]])
        yield from _engine(command, "completions a group", [
            (k, small, k, 24) for k in (2, 4, 8, 16, 32, 64)
        ])  # fmt: skip
        yield from _engine(command, "tokens a completion", [
            (n, small, 4, n) for n in (8, 16, 32, 64, 128, 256)
        ])  # fmt: skip
        policies = [write_policy(Path(folder) / size, SIZES[size]) for size in command.policies]
        yield from _engine(command, "parameters of the policy", [
            (parameters(path), path, 4, 24) for path in policies
        ])  # fmt: skip
    yield from _journal(command.seconds)


def parameters(policy: Path) -> float:
    """Bytes of the weights over four."""
    return (policy / "model.safetensors").stat().st_size / 4


def _engine(
    command: Run, what: str, cases: list[tuple[float, Path, int, int]]
) -> Iterable[tuple[str, list[tuple[float, float]]]]:
    sampling, updating = [], []
    for x, policy, group_size, tokens in cases:
        config = SessionConfig(
            max_new_tokens=tokens,
            group_size=group_size,
            device=command.device,
            dtype=command.dtype,
            preset="trl-classic",  # as many passes whatever comes of them
        )
        engine = LocalEngine(policy, config, lambda stage, done, total: None)
        groups = engine.sample([Prompt("1 2 3 4 5 6 7 8", 0)], group_size, 0)
        rewards = tuple(float(i % 5 + 1) for i in range(group_size))
        batch = [LabelledGroup(groups[0], rewards, "op", Mode.SCORE)]

        def sample(engine: LocalEngine = engine, k: int = group_size) -> None:
            engine.sample([Prompt("1 2 3 4 5 6 7 8", 0)], k, 0)

        def update(engine: LocalEngine = engine, b: list[LabelledGroup] = batch) -> None:
            engine.update(engine.version + 1, b)

        sampling.append((x, cost(sample, command.seconds, command.device)))
        updating.append((x, cost(update, command.seconds, command.device)))
    yield f"sample a group, by {what}", sampling
    yield f"update on it, by {what}", updating


def _journal(seconds: float) -> Iterable[tuple[str, list[tuple[float, float]]]]:
    opening, judging = [], []
    with tempfile.TemporaryDirectory() as folder:
        for n in (100, 1000, 10_000):
            path = Path(folder) / f"{n}.db"
            number = n
            with Journal.open(path, create=True) as journal:
                journal.add_groups([group_of(i) for i in range(1, n + 1)])
                for i in range(1, n + 1):
                    journal.append(judgement_of(i))

            def opened(path: Path = path) -> None:
                with Journal.open(path) as journal:
                    journal.totals()

            opening.append((n, cost(opened, seconds, "cpu")))
            with Journal.open(path) as journal:

                def judge(journal: Journal = journal) -> None:
                    nonlocal number
                    number += 1
                    journal.add_groups([group_of(number)])
                    journal.append(judgement_of(number))

                judging.append((n, cost(judge, seconds, "cpu")))
    yield "open a journal, by groups in it", opening
    yield "add a group and its judgement, by groups in the journal", judging


def cost(work: Callable[[], None], seconds: float, device: str) -> float:
    """Median seconds of one `work`."""
    clock = time.perf_counter if device == "cuda" else time.process_time
    taken: list[float] = []
    began = time.perf_counter()
    work()
    while len(taken) < 2 or time.perf_counter() - began < seconds:
        start = clock()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        taken.append(clock() - start)
    return statistics.median(taken)


def slope(points: list[list[float]]) -> float:
    """Of the last two, on logarithmic axes."""
    (x0, y0), (x1, y1) = points[-2:]
    return math.log(y1 / y0) / math.log(x1 / x0)


def plot(found: dict[str, object], picture: Path) -> None:
    """A panel for each thing that grows."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    given: dict[str, list[list[float]]] = found["series"]  # type: ignore[assignment]
    panels: dict[str, list[str]] = {}
    for name in given:
        panels.setdefault(name.split(", by ")[1].replace(" in it", " in the journal"), []).append(
            name
        )
    figure, axes = plt.subplots(1, len(panels), figsize=(4 * len(panels), 3.4))
    for axis, (what, names) in zip(axes, panels.items(), strict=True):
        for name in names:
            points = given[name]
            label = f"{name.split(', by ')[0]} (slope {slope(points):.2f})"
            axis.loglog(*zip(*points, strict=True), marker="o", label=label)
        places = [x for x, _ in given[names[0]]]
        axis.set_xticks(places, [f"{x:.3g}" for x in places], fontsize=7)
        axis.minorticks_off()
        axis.set(xlabel=what, ylabel="seconds")
        axis.grid(alpha=0.3)
        axis.legend(fontsize=7)
    figure.suptitle(f"{found['device']}; {found['machine']}", fontsize=8)
    figure.tight_layout()
    figure.savefig(picture, dpi=130)


if __name__ == "__main__":
    main()

"""What an update takes with one worker and with several, on a Ray of this machine's own.

    python benchmarks/workers.py [--workers 1 2] [--labels 16 64] [--updates 5]

Prints a Markdown table: seconds of an update, the median of so many, after one that is not counted.
Every worker computes with one thread, so two of them are two processors against one; a single
worker with two threads is measured beside them, as `hitl train` has it.
"""

from __future__ import annotations

import os
import statistics
from dataclasses import dataclass
from pathlib import Path

import tyro

from hitl.cluster.connection import connect
from hitl.cluster.engine import Ears, RayEngine
from hitl.cluster.past import Past
from hitl.config.session import SessionConfig
from hitl.models import resolve
from hitl.prompts import prompts_of
from hitl.records import LabelledGroup, Mode, Prompt

GROUP = 4


@dataclass(frozen=True)
class Options:
    """What to measure."""

    workers: tuple[int, ...] = (1, 2)
    labels: tuple[int, ...] = (16, 64)
    updates: int = 5
    policy: str = "tiny-en"


def main() -> None:
    options = tyro.cli(Options)
    print("| workers | threads each | labels | update, s (median of its kind) |")
    print("|---|---|---|---|")
    settings = [(workers, 1) for workers in options.workers] + [(1, os.cpu_count() or 1)]
    for workers, threads in settings:
        for labels in options.labels:
            seconds = statistics.median(measure(options, workers, threads, labels))
            print(f"| {workers} | {threads} | {labels} | {seconds:.2f} |", flush=True)


def measure(options: Options, workers: int, threads: int, labels: int) -> list[float]:
    """Seconds of each update but the first."""
    config = SessionConfig(
        policy=options.policy, lang="en", batch_size=labels, threads=threads, device="cpu", seed=1
    )
    ears = Ears(lambda *told: None, print, lambda *told: None, lambda: False)
    past = Past(lambda at_most: None, {}.__getitem__)
    source = resolve(options.policy, Path("checkpoints"))
    engine = RayEngine(source, config, connect(None), past, ears, workers)
    try:
        numbers = range(1, options.updates + 2)
        return [update(engine, config, number, labels) for number in numbers][1:]
    finally:
        engine.close()


def update(engine: RayEngine, config: SessionConfig, number: int, labels: int) -> float:
    """Its seconds, as the journal would have them."""
    texts = prompts_of(config)
    first = number * labels
    prompts = [Prompt(texts[n % len(texts)], n) for n in range(first, first + labels // GROUP)]
    groups = engine.sample(prompts, GROUP, config.seed)
    batch = [LabelledGroup(g, (5.0, 1.0, 3.0, 2.0), "op", Mode.SCORE) for g in groups]
    return engine.update(number, batch).seconds


if __name__ == "__main__":
    main()

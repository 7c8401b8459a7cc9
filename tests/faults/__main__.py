"""The fault suite for longer: python -m tests.faults [--runs 2000] [--minutes M] [--seed S]

Each run is killed at a named point or at random times, resumed until it has its labels, and must be
the run that was never killed. Prints what was done, and whatever broke.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from .driver import ENVIRONMENT, called, import_everything
from .plans import at_point, at_random, named_points

WORKSHOP = "tests.faults.workshop"
SEEDS = 5
"""Different runs; each has an uninterrupted one to be compared with."""


def main() -> int:
    """Exit code 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after so many")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    os.environ.update(ENVIRONMENT)  # before torch
    import_everything()
    memory = Path("/dev/shm")  # a kill needs no disk: what was written outlives the process
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        return attack(folder, asked.runs, asked.minutes * 60, asked.seed)


def attack(folder: str, runs: int, seconds: float, seed: int) -> int:
    """Runs until one of the limits."""
    ask("furnish", folder=folder)
    wholes = {
        s: ask("killed", folder=folder, name=f"whole-{s}", kills=[], mood=s, seed=s)
        for s in range(SEEDS)
    }
    stint_s = max(whole["seconds"] for whole in wholes.values())
    started, done, kills = time.monotonic(), 0, 0
    broken: list[str] = []
    hows: Counter[str] = Counter()
    for number in range(runs):
        if time.monotonic() - started > seconds:
            break
        chance = random.Random(f"{seed} {number}")
        how, plan, options = draw(chance, stint_s)
        run = ask("killed", folder=folder, name="run", kills=plan, mood=number, **options)
        done, kills = done + 1, kills + run["kills"]
        hows[how] += run["kills"] > 0
        if problems := wrong(run, options, wholes):
            broken.append(f"run {number} ({how}, {plan}, {options}): {'; '.join(problems)}")
            print(broken[-1], file=sys.stderr, flush=True)
        shutil.rmtree(Path(folder, "run"))
        if done % 50 == 0:
            print(f"{done} runs, {kills} kills, {len(broken)} broken", file=sys.stderr, flush=True)
    print(f"{done} runs, {kills} kills, {time.monotonic() - started:.0f} s; {len(broken)} broken")
    for how, count in sorted(hows.items()):
        print(f"  killed {how:28} {count}")
    return 1 if broken else 0


def draw(chance: random.Random, stint_s: float) -> tuple[str, list[str | float], dict[str, Any]]:
    """Where to kill what kind of run."""
    by_lines = chance.random() < 0.4
    ahead = 0 if by_lines or chance.random() < 0.7 else 2
    options = {"by_lines": by_lines, "ahead": ahead, "seed": chance.randrange(SEEDS)}
    if chance.random() < 0.5:
        return "at random times", at_random(chance, stint_s), options
    points = [chance.choice(named_points()) for _ in range(chance.choice((1, 1, 2, 3)))]
    return points[0], [kill for point in points for kill in at_point(point, chance)], options


def wrong(
    run: dict[str, Any], options: dict[str, Any], wholes: dict[int, dict[str, Any]]
) -> list[str]:
    """What is not as it must be."""
    problems = list(run["problems"])
    if (run["labels"], run["updates"]) != (16, 4):
        problems.append(f"{run['labels']} labels, {run['updates']} updates")
    if options["ahead"]:
        problems += [] if run["replayed"] else ["its replay differs"]
    elif run["weights"] != wholes[options["seed"]]["weights"]:
        problems.append("the weights differ")
    return problems


def ask(function: str, **arguments: Any) -> Any:
    """In a fork, like the driver."""
    answer = called(f"{WORKSHOP}:{function}", arguments)
    if "error" in answer:
        raise AssertionError(answer["error"])
    return answer["result"]


if __name__ == "__main__":
    sys.exit(main())

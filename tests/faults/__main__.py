"""The fault suite for longer: python -m tests.faults [--runs 2000] [--minutes M] [--seed S]
[--jobs J]

Each run is killed at a named point or at random times, resumed until it has its labels, and must be
the run that was never killed. Prints what was done, and whatever broke.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

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
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="at a time")
    asked = parser.parse_args()
    os.environ.update(ENVIRONMENT)  # before torch
    import_everything()
    memory = Path("/dev/shm")  # a kill needs no disk: what was written outlives the process
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        return attack(folder, asked)


def attack(folder: str, asked: argparse.Namespace) -> int:
    """Runs until one of the limits."""
    ask("furnish", folder=folder)
    wholes = {
        s: ask("killed", folder=folder, name=f"whole-{s}", kills=[], mood=s, seed=s)
        for s in range(SEEDS)
    }
    started, done, kills = time.monotonic(), 0, 0
    broken: list[str] = []
    hows: Counter[str] = Counter()
    for how, killed, problem in worked(folder, asked, wholes):
        done, kills = done + 1, kills + killed
        hows[how] += killed > 0
        if problem:
            broken.append(problem)
            print(problem, file=sys.stderr, flush=True)
        if done % 50 == 0:
            passed = time.monotonic() - started
            so_far = f"{done} runs, {kills} kills, {passed:.0f} s; {len(broken)} broken"
            print(so_far, file=sys.stderr, flush=True)
    print(f"{done} runs, {kills} kills, {time.monotonic() - started:.0f} s; {len(broken)} broken")
    for how, count in sorted(hows.items()):
        print(f"  killed {how:28} {count}")
    return 1 if broken else 0


def worked(
    folder: str, asked: argparse.Namespace, wholes: dict[int, dict[str, Any]]
) -> Iterator[tuple[str, int, str]]:
    """How each run was killed, how often, and what broke, as they are done by `jobs` processes."""
    reads, writes = os.pipe()
    workers = []
    for job in range(asked.jobs):
        if (process := os.fork()) == 0:
            os.close(reads)
            work(folder, asked, wholes, job, writes)
        workers.append(process)
    os.close(writes)
    with os.fdopen(reads) as lines:
        for line in lines:
            how, killed, problem = json.loads(line)
            yield how, killed, problem
    for process in workers:
        if status := os.waitpid(process, 0)[1]:
            raise ChildProcessError(f"a job ended with {status}: not all runs were made")


def work(
    folder: str, asked: argparse.Namespace, wholes: dict[int, dict[str, Any]], job: int, told: int
) -> NoReturn:
    """The share of one process; tells of each run in a line, short enough to be written whole."""
    code = 1
    try:
        stint_s = statistics.median(whole["seconds"] for whole in wholes.values())
        until = time.monotonic() + asked.minutes * 60
        for number in range(job, asked.runs, asked.jobs):
            if time.monotonic() > until:
                break
            chance = random.Random(f"{asked.seed} {number}")
            how, plan, options = draw(chance, stint_s)
            name = f"run-{number}"
            run = ask("killed", folder=folder, name=name, kills=plan, mood=number, **options)
            problem = "; ".join(wrong(run, options, wholes))
            if problem:
                problem = f"run {number} ({how}, {plan}, {options}): {problem[-500:]}"
            os.write(told, (json.dumps([how, run["kills"], problem]) + "\n").encode())
            shutil.rmtree(Path(folder, name))
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


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

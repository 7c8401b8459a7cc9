"""How long sampling and updating take next to the classic loop, as ratios of one run.

    python benchmarks/speed.py run RESULTS.json --classic CLASSIC_ENV/bin/python [--rounds 5] ...
    python benchmarks/speed.py compare RESULTS.json

`run` does one piece of work with each side in turn: a GPT-2 of 124M parameters with random weights,
16 prompts of 8 tokens (4 groups of 4), 24 new tokens each, then 4 passes over all of them. The
classic side is TRL 0.11.4 itself, in an environment of its own (tests/oracle/README.md). Sides take
turns, so what else the machine does falls on all of them: the ratios of a round mean something
where seconds do not. On a machine with other work, ask for `--clock processor` and one thread: time
that others had is not counted then. A first round that warms up is not counted either.

`compare` holds the ratios against those of speed.json, which are meant to hold on any machine of
the kind: it fails when one is worse by more than the bounds that stand there.
"""

from __future__ import annotations

import json
import os
import platform
import random
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from worker import Side

HERE = Path(__file__).parent
CLASSIC = "classic"
GENERATE = "generate fp32"


@dataclass(frozen=True)
class Run:
    """Measure."""

    results: Annotated[Path, tyro.conf.Positional]
    classic: Path
    """Python of the environment with TRL 0.11.4."""
    before: Path | None = None
    """Another checkout of hitl, whose engine is a side too."""
    clock: Literal["wall", "processor"] = "wall"
    rounds: int = 5
    threads: int = 1
    presets: tuple[str, ...] = ("trl-classic",)
    dtypes: tuple[str, ...] = ("fp32", "bf16")
    prompts: int = 4
    group_size: int = 4
    prompt_tokens: int = 8
    max_new_tokens: int = 24


@dataclass(frozen=True)
class Compare:
    """Hold against the ratios that are known."""

    results: Annotated[Path, tyro.conf.Positional]
    known: Path = HERE / "speed.json"


Rounds = list[dict[str, dict[str, float]]]
"""Of each round, "side / piece" -> wall, processor (seconds), peak_mb."""


def run(asked: Run) -> None:
    """Writes what each side took, and prints it as Markdown."""
    chance = random.Random(0)
    given = [
        [chance.randrange(50_000) for _ in range(asked.prompt_tokens)] for _ in range(asked.prompts)
    ]
    work = json.dumps(
        {
            "prompts": [ids for ids in given for _ in range(asked.group_size)],
            "group_size": asked.group_size,
            "max_new_tokens": asked.max_new_tokens,
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        _write_policy(folder)
        commands = {
            CLASSIC: [str(asked.classic), str(HERE / "speed_classic.py"), folder, work],
            **{
                f"generate {dtype}": _ours("generate", folder, work, dtype)
                for dtype in ("fp32", "bf16")
            },
            **{
                f"hitl {preset} {dtype}": _ours("engine", folder, work, dtype, preset)
                for preset in asked.presets
                for dtype in asked.dtypes
            },
        }
        sides = {
            name: Side(command, asked.threads, HERE.parent) for name, command in commands.items()
        }
        if asked.before is not None:
            for name in [name for name in commands if name.startswith("hitl")]:
                sides[f"before: {name}"] = Side(commands[name], asked.threads, asked.before)
        rounds: Rounds = []
        for number in range(asked.rounds + 1):
            taken = {
                f"{name} / {piece}": side.do(piece)
                for piece in ("sample", "update")
                for name, side in sides.items()
                if piece == "sample" or not name.startswith("generate")
            }
            print(f"round {number}: load {os.getloadavg()[0]:.1f}", file=sys.stderr)
            if number:
                rounds.append(taken)
        for side in sides.values():
            side.close()
    about = {name: side.about for name, side in sides.items()}
    result = {
        "machine": _machine(asked.threads),
        "sides": about,
        "median": {key: _median(rounds, key) for key in rounds[0]},
        "clock": asked.clock,
        "ratios": ratios(rounds, asked.clock),
        "rounds": rounds,
    }
    asked.results.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(table(result))


def _ours(*words: str) -> list[str]:
    return [sys.executable, str(HERE / "speed_ours.py"), *words]


def _write_policy(folder: str) -> None:
    from speed_ours import write_policy

    write_policy(Path(folder))


def _machine(threads: int) -> dict[str, str]:
    model = next(
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    )
    return {
        "processor": f"{model}, {os.cpu_count()} cores",
        "threads": str(threads),
        "python": platform.python_version(),
        "system": platform.platform(),
    }


def _median(rounds: Rounds, key: str) -> dict[str, float]:
    return {
        what: statistics.median(taken[key][what] for taken in rounds)
        for what in ("wall", "processor", "peak_mb")
    }


def ratios(rounds: Rounds, clock: str) -> dict[str, float]:
    """Median over the rounds of another's seconds by ours, and of our peak by the classic one's."""
    found: dict[str, float] = {}

    def add(name: str, top: list[str], bottom: list[str], what: str = clock) -> None:
        found[name] = statistics.median(
            sum(taken[key][what] for key in top) / sum(taken[key][what] for key in bottom)
            for taken in rounds
        )

    for side in sorted({key.partition(" / ")[0] for key in rounds[0]}):
        if "hitl" not in side:
            continue
        pieces = [f"{side} / sample", f"{side} / update"]
        classic = [f"{CLASSIC} / sample", f"{CLASSIC} / update"]
        add(f"{side}: sampling, × classic", classic[:1], pieces[:1])
        add(f"{side}: sampling, × {GENERATE}", [f"{GENERATE} / sample"], pieces[:1])
        add(f"{side}: update, × classic", classic[1:], pieces[1:])
        add(f"{side}: iteration, × classic", classic, pieces)
        add(f"{side}: peak memory of an update / classic", pieces[1:], classic[1:], "peak_mb")
    return found


def table(result: dict[str, Any]) -> str:
    """Markdown."""
    lines = [f"{key}: {value}" for key, value in result["machine"].items()]
    lines += [f"{k}: {v['name']}, torch {v['torch']}" for k, v in result["sides"].items()]
    lines += ["", "| side / piece | wall s | processor s | peak MB |", "|---|---|---|---|"]
    for key, median in result["median"].items():
        wall, processor, peak = (median[what] for what in ("wall", "processor", "peak_mb"))
        lines.append(f"| {key} | {wall:.2f} | {processor:.2f} | {peak:.0f} |")
    lines += ["", f"| ratio ({result['clock']}) | |", "|---|---|"]
    lines += [f"| {name} | {value:.2f} |" for name, value in result["ratios"].items()]
    return "\n".join(lines)


def compare(asked: Compare) -> None:
    """Exit code 1 when a ratio is out of its bounds."""
    found: dict[str, float] = json.loads(asked.results.read_text(encoding="utf-8"))["ratios"]
    known = json.loads(asked.known.read_text(encoding="utf-8"))
    wrong = violations(found, known["ratios"], known["tolerance"])
    print("\n".join(wrong) or f"all {len(known['ratios'])} ratios are within their bounds")
    raise SystemExit(1 if wrong else 0)


def violations(found: dict[str, float], known: dict[str, float], tolerance: float) -> list[str]:
    """One line for each ratio of `known` that is missing, or worse by more than a share of
    `tolerance`: of a memory ratio less is better, of any other more."""
    wrong = []
    for name, value in known.items():
        less = "memory" in name
        bound = value * (1 + tolerance) if less else value * (1 - tolerance)
        got = found.get(name)
        if got is None or (got > bound if less else got < bound):
            wrong.append(f"{name}: {got}, expected {value:.2f}, bound {bound:.2f}")
    return wrong


if __name__ == "__main__":
    asked = tyro.cli(
        Annotated[Run, tyro.conf.subcommand("run")]
        | Annotated[Compare, tyro.conf.subcommand("compare")],  # type: ignore[arg-type]
        description=__doc__,
    )
    run(asked) if isinstance(asked, Run) else compare(asked)

"""How long sampling and updating take next to the classic loop, as ratios of one run.

    python benchmarks/speed.py run RESULTS.json --classic CLASSIC_ENV/bin/python [--rounds 5] ...
    python benchmarks/speed.py run RESULTS.json --before OLDER_CHECKOUT ...
    python benchmarks/speed.py compare RESULTS.json

`run` does one piece of work with each side in turn: a GPT-2 of 124M parameters with random weights,
16 prompts of 8 tokens (4 groups of 4), 24 new tokens each, then 4 passes over all of them. The
classic side is TRL 0.11.4 itself, in an environment of its own (tests/oracle/README.md). Sides take
turns, so what else the machine does falls on all of them: the ratios of a round mean something
where seconds do not. On a machine with other work, ask for `--clock processor` and one thread: time
that others had is not counted then. Rounds that warm up are not counted either. Where a round takes
minutes, ask for fewer: what has been measured is in RESULTS after each.

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
    classic: Path | None = None
    """Python of the environment with TRL 0.11.4; without it, that side is left out."""
    before: Path | None = None
    """Another checkout of hitl, whose engine is a side too."""
    clock: Literal["wall", "processor"] = "wall"
    rounds: int = 5
    warm_up: int = 1
    """Rounds before those."""
    pieces: tuple[str, ...] = ("sample", "sample by group", "update")
    """What is done in a round. The second is of hitl alone: one group at a time, as a session asks
    for them. An update needs groups that were sampled before."""
    generate: bool = True
    """Whether transformers' own `generate` is a side."""
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
    with tempfile.TemporaryDirectory() as folder:
        _write_policy(folder)
        sides = _sides(asked, folder, json.dumps(_work(asked)))
        about = {name: side.about for name, side in sides.items()}
        rounds: Rounds = []
        for number in range(-asked.warm_up, asked.rounds):
            taken = dict[str, dict[str, float]]()
            for piece in asked.pieces:
                for name, side in sides.items():
                    if _does(name, piece):
                        taken[f"{name} / {piece}"] = side.do(piece)
                        print(f"round {number + 1}: {name} / {piece}", file=sys.stderr)
            if number >= 0:
                rounds.append(taken)
                result = _result(asked, about, rounds)
                asked.results.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        for side in sides.values():
            side.close()
    print(table(result))


def _work(asked: Run) -> dict[str, Any]:
    chance = random.Random(0)
    given = [
        [chance.randrange(50_000) for _ in range(asked.prompt_tokens)] for _ in range(asked.prompts)
    ]
    return {
        "prompts": [ids for ids in given for _ in range(asked.group_size)],
        "group_size": asked.group_size,
        "max_new_tokens": asked.max_new_tokens,
    }


def _sides(asked: Run, folder: str, work: str) -> dict[str, Side]:
    commands = dict[str, list[str]]()
    if asked.classic is not None:
        commands[CLASSIC] = [str(asked.classic), str(HERE / "speed_classic.py"), folder, work]
    if asked.generate:
        for dtype in dict.fromkeys(("fp32", *asked.dtypes)):
            commands[f"generate {dtype}"] = _ours("generate", folder, work, dtype)
    for preset in asked.presets:
        for dtype in asked.dtypes:
            commands[f"hitl {preset} {dtype}"] = _ours("engine", folder, work, dtype, preset)
    sides = {name: Side(command, asked.threads, HERE.parent) for name, command in commands.items()}
    if asked.before is not None:
        for name in [name for name in commands if name.startswith("hitl")]:
            sides[f"before: {name}"] = Side(commands[name], asked.threads, asked.before)
    return sides


def _does(side: str, piece: str) -> bool:
    if piece == "update":
        return not side.startswith("generate")
    return piece == "sample" or "hitl" in side


def _result(asked: Run, about: dict[str, dict[str, str]], rounds: Rounds) -> dict[str, Any]:
    return {
        "machine": _machine(asked.threads),
        "work": (
            f"{asked.prompts} prompts of {asked.prompt_tokens} tokens, {asked.group_size} "
            f"completions each of {asked.max_new_tokens}; {len(rounds)} rounds counted after "
            f"{asked.warm_up}"
        ),
        "sides": about,
        "median": {key: _median(rounds, key) for key in rounds[0]},
        "clock": asked.clock,
        "ratios": ratios(rounds, asked.clock),
        "rounds": rounds,
    }


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
    """Median over the rounds of another's seconds by ours, and of our peak by another's; of the
    others that were measured."""
    found: dict[str, float] = {}

    def add(name: str, top: list[str], bottom: list[str], what: str = clock) -> None:
        if all(key in rounds[0] for key in top + bottom):
            found[name] = statistics.median(
                sum(taken[key][what] for key in top) / sum(taken[key][what] for key in bottom)
                for taken in rounds
            )

    for side in sorted({key.partition(" / ")[0] for key in rounds[0]}):
        if "hitl" not in side:
            continue
        ours = {p: f"{side} / {p}" for p in ("sample", "sample by group", "update")}
        add(f"{side}: sampling, × {GENERATE}", [f"{GENERATE} / sample"], [ours["sample"]])
        for name, other in ((CLASSIC, CLASSIC), ("before", f"before: {side}")):
            sample, update = f"{other} / sample", f"{other} / update"
            add(f"{side}: sampling, × {name}", [sample], [ours["sample"]])
            add(f"{side}: sampling by group, × {name}", [sample], [ours["sample by group"]])
            add(f"{side}: update, × {name}", [update], [ours["update"]])
            both = [ours["sample"], ours["update"]]
            add(f"{side}: iteration, × {name}", [sample, update], both)
            add(f"{side}: peak memory of an update / {name}", [ours["update"]], [update], "peak_mb")
    return found


def table(result: dict[str, Any]) -> str:
    """Markdown."""
    lines = [f"{key}: {value}" for key, value in result["machine"].items()]
    lines += [f"work: {result['work']}"]
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

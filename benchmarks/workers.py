"""What an update takes with one worker and with several, on a Ray of this machine's own.

    python benchmarks/workers.py [--workers 1 2] [--labels 16 64] [--updates 5] [--shard]
        [--layers 12 --width 768]

Prints a Markdown table: seconds of an update, the median of so many, after one that is not counted;
and of the worker that has most in memory, how much when the policy is loaded and at most in the
updates (Linux only: VmRSS and VmHWM, with all libraries).
Every worker computes with one thread, so two of them are two processors against one; a single
worker with two threads is measured beside them, as `hitl train` has it. With --shard several
workers are measured with the whole policy each, and in pieces. With --layers and --width the
policy is a GPT-2 of that shape with random weights, and the tokenizer of --policy.
"""

from __future__ import annotations

import os
import re
import statistics
import tempfile
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
    shard: bool = False
    layers: int | None = None
    width: int = 768


def main() -> None:
    options = tyro.cli(Options)
    print("| workers | in pieces | threads each | labels | update, s | loaded, GB | at most, GB |")
    print("|---|---|---|---|---|---|---|")
    settings = [(workers, False, 1) for workers in options.workers]
    if options.shard:
        settings += [(workers, True, 1) for workers in options.workers if workers > 1]
    else:
        settings.append((1, False, os.cpu_count() or 1))
    with tempfile.TemporaryDirectory() as folder:
        source = resolve(options.policy, Path("checkpoints"))
        if options.layers is not None:
            source = random_policy(options, source, Path(folder))
        for workers, shard, threads in settings:
            for labels in options.labels:
                config = SessionConfig(
                    policy=options.policy, lang="en", batch_size=labels, threads=threads,
                    device="cpu", seed=1,
                )  # fmt: skip
                seconds, loaded, most = measure(source, config, workers, shard, options.updates)
                print(
                    f"| {workers} | {'yes' if shard else 'no'} | {threads} | {labels} "
                    f"| {statistics.median(seconds):.2f} | {loaded:.2f} | {most:.2f} |",
                    flush=True,
                )


def random_policy(options: Options, source: Path | str, folder: Path) -> Path:
    """Writes one of the size that is asked for."""
    from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel

    tokenizer = AutoTokenizer.from_pretrained(source)
    shape = GPT2Config(
        vocab_size=len(tokenizer), n_layer=options.layers, n_embd=options.width,
        n_head=options.width // 64, bos_token_id=tokenizer.eos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    model = GPT2LMHeadModel(shape)
    print(f"{model.num_parameters() / 1e6:.0f}·10⁶ parameters\n", flush=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def measure(
    source: Path | str, config: SessionConfig, workers: int, shard: bool, updates: int
) -> tuple[list[float], float, float]:
    """Seconds of each update but the first, and the memory of a worker."""
    ears = Ears(lambda *told: None, print, lambda *told: None, lambda: False)
    past = Past(lambda at_most: None, {}.__getitem__)
    engine = RayEngine(source, config, connect(None), past, ears, workers, shard)
    try:
        loaded = memory("VmRSS")
        for process in processes():
            (process / "clear_refs").write_text("5")  # VmHWM begins again
        numbers = range(1, updates + 2)
        seconds = [update(engine, config, n, config.batch_size) for n in numbers]
        return seconds[1:], loaded, memory("VmHWM")
    finally:
        engine.close()


def processes() -> list[Path]:
    """Of our workers, in /proc."""
    every = [path.parent for path in Path("/proc").glob("[0-9]*/cmdline")]
    workers = [one for one in every if (one / "cmdline").read_bytes().startswith(b"ray::Worker")]
    return [worker for worker in workers if str(os.getpid()) in ancestors(worker)]


def ancestors(process: Path) -> list[str]:
    """Numbers of the processes that started it, the nearest first."""
    found = list[str]()
    while (number := field(process, "PPid")) != "0":
        found.append(number)
        process = process.parent / number
    return found


def field(process: Path, name: str) -> str:
    """The number in a line of its status."""
    line = re.search(rf"^{name}:\s+(\d+)", (process / "status").read_text(), re.MULTILINE)
    return line[1] if line else "0"


def memory(kind: str) -> float:
    """GB of the worker that has most; 0 where there is no /proc."""
    return max((int(field(one, kind)) * 1024 / 1e9 for one in processes()), default=0.0)


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

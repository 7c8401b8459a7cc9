"""`hitl compare`: what a run's updates did, on the same prompts and random numbers."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hitl.assemble import make_engine
from hitl.checkpoints import newest_checkpoint
from hitl.commands.nobody import Nobody
from hitl.compare import Comparison, compare, markdown
from hitl.config.commands import Compare
from hitl.engine import Engine
from hitl.errors import HitlError, UsageError
from hitl.models import resolve
from hitl.opening import config_of
from hitl.prompts import prompts_of
from hitl.records import Group, Prompt
from hitl.rundir import RunDir
from hitl.salvage import reading


def compare_run(command: Compare) -> int:
    """Samples from both policies and prints the table. Only reads: the run may be open."""
    root = Path(command.root)
    run_dir = RunDir.open(root, command.run)
    comparison = _comparison(command, run_dir)
    if command.json:
        print(json.dumps(comparison.to_json(), ensure_ascii=False))
    elif command.markdown or not sys.stdout.isatty():
        print("\n".join(markdown(comparison, command.show)))
    else:
        _print_tables(comparison, command.show)
    return 0


def _comparison(command: Compare, run_dir: RunDir) -> Comparison:
    root, config = Path(command.root), config_of(run_dir)
    with reading(run_dir) as journal:
        digests = {stats.number: stats.digest for stats in journal.updates()}
    last = max(digests, default=0)
    found = newest_checkpoint(run_dir.steps, last, digests)
    if found is None and last and command.policy is None:
        raise HitlError(
            f"run {run_dir.name} has no intact checkpoint: hitl replay {run_dir.name} --repair "
            "makes its policy again from the journal"
        )
    source = resolve(command.reward or f"sentiment-{config.lang}", root, "scorer")
    if command.policy is not None:
        resolve(command.policy, root, "policy", trust_remote_code=config.trust_remote_code)

    from hitl.learn.scorers import load_scorer

    reward = load_scorer(source)
    texts = prompts_of(config)
    size = config.group_size
    prompts = [Prompt(texts[i % len(texts)], -1 - i) for i in range(-(-command.n // size))]

    def sample(engine: Engine) -> list[Group]:
        return engine.sample(prompts, size, command.seed)

    def sample_after(engine: Engine) -> tuple[list[Group], float]:
        if found is not None:
            engine.load(found[1])
        groups = engine.sample(prompts, size, command.seed)
        return groups, engine.sequence_kl(groups)

    engine = make_engine(config, root, Nobody())
    try:
        before = engine.submit(sample).result()
        if command.policy is None:
            after, kl = engine.submit(sample_after).result()
        else:
            other = make_engine(dataclasses.replace(config, policy=command.policy), root, Nobody())
            try:
                after = other.submit(sample).result()
            finally:
                other.close()
            _same_ids(before, after, command.policy)
            # The engine's reference is the base of the run.
            kl = engine.submit(lambda e: e.sequence_kl(after)).result()
    finally:
        engine.close()
    named = command.policy or f"after update {found[0] if found else 0}"
    return compare(before, after, reward, found[0] if found else 0, kl, named)


def _same_ids(before: Sequence[Group], after: Sequence[Group], policy: str) -> None:
    """Raises UsageError when the two policies do not read prompts alike."""
    if [g.prompt_ids for g in before] != [g.prompt_ids for g in after]:
        raise UsageError(
            f"--policy {policy} has another tokeniser than the run's base policy: give one that "
            "was taught from that"
        )


def _print_tables(comparison: Comparison, rows: int) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from hitl.compare import FIGURES
    from hitl.text import safe

    figures: dict[str, Any] = comparison.to_json()
    table = Table(title=f"{figures['n']} completions of the same prompts and random numbers")
    for name in ("", "base policy", safe(comparison.named)):
        # Text, not str: the name of a folder is no markup either.
        table.add_column(Text(name), justify="right" if name else "left")
    for name, before, after in FIGURES:
        table.add_row(name, f"{figures[before]:.2f}", f"{figures[after]:.2f}")
    table.add_row("KL to the base, nats a completion", "0", f"{comparison.sequence_kl:.2f}")
    console = Console()
    console.print(table)
    texts = Table(show_lines=True)
    for name in ("base policy", "reward", "after", "reward"):
        texts.add_column(name, justify="right" if name == "reward" else "left")
    for sample in comparison.samples[:rows]:
        # Text, not str: what a model wrote is no markup.
        prompt = Text(safe(sample.prompt), style="dim")
        texts.add_row(
            prompt + Text(safe(sample.before), style="not dim"),
            f"{sample.reward_before:.2f}",
            prompt + Text(safe(sample.after), style="not dim"),
            f"{sample.reward_after:.2f}",
        )
    console.print(texts)

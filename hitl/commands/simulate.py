"""`hitl simulate`: a scorer judges in a person's place."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import Any

from hitl.assemble import Opened, opened
from hitl.config.commands import Simulate
from hitl.config.session import SessionConfig
from hitl.creation import create_run
from hitl.departure import leaving_by_signal
from hitl.errors import UsageError
from hitl.language import with_language
from hitl.models import resolve
from hitl.opening import Opening, begun_as, check_place
from hitl.prompts import prompts_of
from hitl.records import Prompt
from hitl.rundir import RunDir, fresh_name
from hitl.salvage import reading
from hitl.scale import Scale
from hitl.simulate import NAME, Portrait, ScoreTexts, SimulatedOperator, portrait


def simulate(command: Simulate) -> int:
    """Runs the session and prints what it did to the policy."""
    started = time.monotonic()
    check_place(command.place)
    root = Path(command.root)
    config = with_language(command.session, command.scorer)
    # One that is continued has options of its own: its language, scale, seed and groups.
    begun = begun_as(root, command.run)
    config = config if begun is None else begun
    scorer = command.scorer or f"sentiment-{config.lang}"
    sources = [resolve(name, root, "scorer") for name in (scorer, command.gold or scorer)]
    name = command.run or fresh_name(root, f"sim-{config.lang}")
    if begun is None:
        config = dataclasses.replace(config, operator_name=_name_of(scorer))
        run_dir = create_run(root, name, config)
    else:
        run_dir = RunDir.open(root, name)
        _check_judges(run_dir, config, scorer)
    if command.samples < config.group_size:
        raise UsageError(
            f"--samples {command.samples} is too small: at least one group, which has "
            f"{config.group_size} in run {name}"
        )

    from hitl.learn.scorers import load_scorer

    judge, gold = (load_scorer(source) for source in sources)
    operator = SimulatedOperator(
        judge, Scale.parse(config.scale), command.unsteadiness, config.seed, command.labels
    )
    # The portrait before is taken before the session restores the run: it is the base policy's.
    with opened(run_dir, operator, Opening(place=command.place)) as run:
        before = _portrait(run, command, gold)
        operator.labels_left = command.labels - run.journal.totals().labels
        with leaving_by_signal(operator.leave) as departure:
            run.session.run()
        if departure.exit_code is not None:
            print(f"run {name} is saved: the same command with --run {name} continues it",
                  file=sys.stderr)  # fmt: skip
            return departure.exit_code
        after = _portrait(run, command, gold)
        figures = _figures(run, before, after, time.monotonic() - started)
    figures = {"run": name, **figures}
    if command.json:
        print(json.dumps(figures))
    else:
        for key, value in figures.items():
            print(f"{key:18} {value:.3f}" if isinstance(value, float) else f"{key:18} {value}")
    return 0


def _name_of(scorer: str) -> str:
    """As which it stands among the options of a run."""
    return f"{NAME} by {scorer}"


def _check_judges(run_dir: RunDir, config: SessionConfig, scorer: str) -> None:
    """Raises UsageError when anybody else has judged the run, whose options are `config`."""
    before = config.operator_name
    if before.startswith(_name_of("")) and before != _name_of(scorer):
        raise UsageError(
            f"run {run_dir.name} was judged {before.removeprefix(NAME).strip()}, not by {scorer}: "
            "take another --run NAME, or --operator as it was"
        )
    with reading(run_dir) as journal:
        others = [operator for operator in journal.operators() if operator != NAME]
    if others:
        raise UsageError(
            f"run {run_dir.name} was judged by {', '.join(others)}: what a simulated operator says "
            "is not to be mixed with that, take another --run NAME"
        )


def _portrait(run: Opened, command: Simulate, gold: ScoreTexts) -> Portrait:
    """The policy as it is, on fixed prompts and seeds that no group of the session has."""
    texts = prompts_of(run.config)
    size = run.config.group_size
    prompts = [Prompt(texts[i % len(texts)], -1 - i) for i in range(command.samples // size)]
    groups = run.engine.submit(lambda e: e.sample(prompts, size, 0)).result()
    return portrait(groups, gold, run.engine.submit(lambda e: e.sequence_kl(groups)).result())


def _figures(run: Opened, before: Portrait, after: Portrait, seconds: float) -> dict[str, Any]:
    totals = run.journal.totals()
    updates = run.journal.updates()
    return {
        "labels": totals.labels,
        "judgements": totals.judgements,
        "keystrokes": totals.keystrokes,
        "updates": totals.updates,
        "reward_first": updates[0].reward if updates else None,
        "reward_last": updates[-1].reward if updates else None,
        "gold_before": before.gold,
        "gold_after": after.gold,
        "sequence_kl": after.sequence_kl,
        "distinct2_before": before.distinct2,
        "distinct2_after": after.distinct2,
        "length_before": before.length,
        "length_after": after.length,
        "seconds": round(seconds, 1),
    }

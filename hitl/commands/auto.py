"""`hitl auto`: PPO against a scorer, through the very same session."""

from __future__ import annotations

import dataclasses
import functools
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from hitl.assemble import opened
from hitl.auto import ScoringOperator, with_baseline
from hitl.commands.auto_tracker import Tracker, check_installed
from hitl.commands.auto_view import AutoView
from hitl.config.auto import PROBABILITY, UNBOUNDED, Auto
from hitl.config.recorded import to_json
from hitl.config.session import SessionConfig
from hitl.creation import create_run
from hitl.departure import leaving_by_signal
from hitl.errors import UsageError
from hitl.language import with_language
from hitl.models import resolve
from hitl.opening import begun_as, config_of
from hitl.plots import draw_run
from hitl.records import UpdateStats
from hitl.rundir import RunDir, fresh_name
from hitl.shipped import shipped


def auto(command: Auto) -> int:
    """Begins or continues a run, and prints the mean reward of every update."""
    root = Path(command.root)
    config = _with_prompts(command, root)
    begun = begun_as(root, command.run)
    lang = config.lang if begun is None else begun.lang
    source = resolve(command.reward or f"sentiment-{lang}", root, "scorer")
    judge = str(source.resolve()) if isinstance(source, Path) else source
    judge += " (raw)" if command.raw else ""
    judge += f" - {command.reward_baseline:g}" if command.reward_baseline else ""
    if command.report_to != "none":
        check_installed(command.report_to)

    from hitl.learn.build import pick_device
    from hitl.learn.scorers import load_scorer

    scorer = load_scorer(source, raw=command.raw, device=pick_device(config.device))
    if not scorer.bounded and config.scale == PROBABILITY:
        config = dataclasses.replace(config, scale=UNBOUNDED)
    name = command.run or fresh_name(root, f"auto-{config.lang}")
    run_dir = _run_dir(root, name, dataclasses.replace(config, operator_name=judge))
    config = config_of(run_dir)  # one that is continued has options of its own
    view = AutoView(
        run_dir.path / "tensorboard",
        seed=config.seed,
        baseline=command.reward_baseline,
        samples=command.samples,
        track=_tracking(command, name, config),
    )
    operator = ScoringOperator(
        judge,
        scorer,
        updates=0,
        baseline=command.reward_baseline,
        on_update=view.updated,
        on_notice=view.noticed,
    )
    with opened(run_dir, operator) as run:
        done = run.journal.last_update()
        operator.updates_left = command.updates - done
        with view.showing(done, command.updates), leaving_by_signal(operator.leave) as departure:
            run.session.run()
        updates = run.journal.updates()
    updates = [with_baseline(stats, command.reward_baseline) for stats in updates]
    draw_run(run_dir.path / "plots", updates)
    if departure.exit_code is not None:
        print(f"run {name} is saved: the same command with --run {name} continues it",
              file=sys.stderr)  # fmt: skip
        return departure.exit_code
    _print(command, run_dir, updates)
    return 0


def _with_prompts(command: Auto, root: Path) -> SessionConfig:
    """The run's options, with the prompts of its recipe. Raises UsageError when there are none."""
    config = with_language(command.session, command.reward)
    if config.prompts is not None or command.recipe == "tiny":
        return config
    own = shipped("prompts", f"{command.recipe}.txt")
    if own is not None:
        return dataclasses.replace(config, prompts=str(own))
    if command.run is None or not RunDir.exists(root, command.run):
        raise UsageError(
            f"--recipe {command.recipe} begins its texts as the reviews of a data set do: add "
            "--prompts FILE (a review a line, or .csv, .tsv or .jsonl with text), or the folder "
            "aclImdb"
        )
    return config


def _tracking(command: Auto, name: str, config: SessionConfig) -> Callable[[], Tracker] | None:
    if command.report_to == "none":
        return None
    return functools.partial(Tracker, command.report_to, command.project, name, to_json(config))


def _run_dir(root: Path, name: str, config: SessionConfig) -> RunDir:
    """A new run, or the one of this name, if the same scorer judged it."""
    if not RunDir.exists(root, name):
        # A scorer's labels cost nothing: it is given whatever is written.
        every = config.group_size if config.candidates is None else config.candidates
        return create_run(root, name, dataclasses.replace(config, candidates=every))
    run_dir = RunDir.open(root, name)
    before = config_of(run_dir).operator_name
    if before != config.operator_name:
        raise UsageError(
            f"run {name} was judged by {before}, not by {config.operator_name}: rewards of two "
            "kinds do not mix, take another --run NAME"
        )
    return run_dir


def _print(command: Auto, run_dir: RunDir, updates: Sequence[UpdateStats]) -> None:
    """`updates` have the scorer's own rewards."""
    rewards = [stats.reward for stats in updates]
    if command.json:
        print(json.dumps({"run": run_dir.name, "updates": len(updates), "rewards": rewards}))
        return
    print(f"run {run_dir.name}: {len(updates)} updates")
    if rewards:
        print(f"mean reward: {rewards[0]:.3f} in the first, {rewards[-1]:.3f} in the last")
    print(f"pictures: {run_dir.path / 'plots'}; tensorboard --logdir {run_dir.path}")
    print(f"go on with: hitl compare {run_dir.name}")

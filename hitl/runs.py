"""The runs of a folder, at a glance: nothing here writes, or fails on a broken run."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hitl.checkpoints import checkpoint_problem, checkpoint_versions
from hitl.errors import HitlError
from hitl.journal import Journal, Totals
from hitl.rundir import RunDir, RunError, entries, is_run
from hitl.wording import Sentence


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One line of the list of runs."""

    run: str
    policy: str
    lang: str
    mode: str
    updates: int
    labels: int
    reward: float | None
    """Mean reward of the last update; None when there is none."""
    age_s: float
    """Seconds since anything was written."""
    intact: bool
    """Whether config, journal and newest checkpoint are there and of the right size; their bytes
    are compared when the run is resumed."""
    problem: str | None
    """Why it is not intact, for the user."""


def list_runs(root: Path) -> list[RunSummary]:
    """The runs in `root`, the one written to last first; models in there are passed over.

    Raises HitlError when `root` is a file or cannot be read.
    """
    runs = [p for p in entries(root) if not p.name.startswith(".") and _may_be_run(p)]
    return sorted(map(summarise, runs), key=lambda run: run.age_s)


def _may_be_run(path: Path) -> bool:
    try:
        return is_run(path)
    except RunError:  # its line says why that cannot be seen
        return True


def summarise(path: Path) -> RunSummary:
    """The figures of the run at `path`; what cannot be read is empty or 0, and `problem` says."""
    run = RunDir(path)
    problem: str | None = None
    options: dict[str, Any] = {}
    totals: Totals | None = None
    try:
        options = run.config()["options"]
    except HitlError as error:
        problem = error.said
    try:
        with Journal.open(run.journal_path, readonly=True) as journal:
            totals = journal.totals()
    except (HitlError, OSError) as error:
        problem = problem or (error.said if isinstance(error, HitlError) else str(error))
    updates = totals.updates if totals else 0
    reward = totals.reward if totals else None
    if problem is None:
        problem = _checkpoint_problem(run, updates)
    lang = str(options.get("lang") or "")
    return RunSummary(
        run=run.name,
        policy=str(options.get("policy") or (f"tiny-{lang}" if lang else "")),
        lang=lang,
        mode=str(options.get("mode") or ""),
        updates=updates,
        labels=totals.labels if totals else 0,
        reward=None if reward is None or math.isnan(reward) else reward,
        age_s=_age(run),
        intact=problem is None,
        problem=problem,
    )


def _checkpoint_problem(run: RunDir, updates: int) -> str | None:
    try:
        versions = checkpoint_versions(run.steps)
    except OSError as error:
        return Sentence("{path} cannot be read: {why}", path=run.steps, why=error.strerror)
    if not versions:
        # The journal can rebuild it, at the price of all its updates.
        lost = Sentence("no checkpoint is left; resume rebuilds it from the journal")
        return lost if updates else None
    newest = run.steps / f"{versions[-1]:06d}"
    if problem := checkpoint_problem(newest, quick=True):
        return Sentence(
            "checkpoint {number} is damaged ({why}); resume uses one before it",
            number=versions[-1],
            why=problem,
        )
    return None


def _age(run: RunDir) -> float:
    """Seconds since anything was written."""
    written = [0.0]
    wal = run.journal_path.with_name("journal.db-wal")
    for path in (run.path, run.config_path, run.journal_path, wal, run.steps):
        try:
            written.append(path.stat().st_mtime)
        except OSError:
            continue
    return max(0.0, time.time() - max(written))

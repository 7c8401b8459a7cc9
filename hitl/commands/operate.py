"""Opens a run for a person: the terminal UI, or line mode."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from hitl.assemble import config_of, run
from hitl.journal import Journal
from hitl.operator import Operator
from hitl.rundir import RunDir
from hitl.scale import Scale

if TYPE_CHECKING:
    from hitl.tui.app import SessionPlan


def has_terminal() -> bool:
    """Whether a person sits at both ends."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def operate(run_dir: RunDir, *, plain: bool) -> int:
    """One sitting at the run, until the operator leaves."""
    if plain or not has_terminal():
        from hitl.plain import PlainOperator

        config = config_of(run_dir)
        scale = Scale.parse(config.scale)
        operator = PlainOperator(config.operator_name, scale, sys.stdin, sys.stdout)
        # Nobody is kept waiting at a pipe, so nothing is done ahead: the same input gives the
        # same run. And what is piped in names completions as they were sampled.
        person = has_terminal()
        run(run_dir, operator, ahead=config.ahead if person else 0, shuffle=person)
        print(f"run {run_dir.name} is saved: hitl resume {run_dir.name}", file=sys.stderr)
        return 0
    from hitl.tui.app import run_session

    plan = plan_of(run_dir)
    code = run_session(
        run=plan.info.run,
        config=plan.info.config,
        policy_label=plan.info.policy_label,
        version=plan.info.version,
        start=plan.start,
        log=run_dir.log_path,
        updates=plan.info.updates,
    )
    print(f"run {run_dir.name} is saved: hitl resume {run_dir.name}")
    return code


def plan_of(run_dir: RunDir) -> SessionPlan:
    """What the terminal UI needs to open the run."""
    from hitl.tui.app import SessionInfo, SessionPlan

    config = config_of(run_dir)
    with Journal.open(run_dir.journal_path, readonly=True) as journal:
        updates = tuple(journal.updates())
    info = SessionInfo(run_dir.name, config, config.base_policy, len(updates), updates)
    return SessionPlan(info, _starter(run_dir, config.ahead))


def _starter(run_dir: RunDir, ahead: int) -> Callable[[Operator], None]:
    return lambda operator: run(run_dir, operator, ahead=ahead, shuffle=True)

"""Opens a run for a person: the terminal UI, or line mode."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from hitl.assemble import Sitting, config_of, run
from hitl.departure import leaving_by_signal
from hitl.journal import Journal
from hitl.operator import Operator
from hitl.rundir import RunDir
from hitl.salvage import saying_what_is_left
from hitl.scale import Scale

if TYPE_CHECKING:
    from hitl.tui.app import SessionPlan


def has_terminal() -> bool:
    """Whether a person sits at both ends."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def operate(run_dir: RunDir, *, plain: bool, sitting: Sitting | None = None) -> int:
    """One sitting at the run, until the operator leaves."""
    if plain or not has_terminal():
        from hitl.plain import PlainOperator

        config = config_of(run_dir)
        scale = Scale.parse(config.scale)
        operator = PlainOperator(config.operator_name, scale, sys.stdin, sys.stdout)
        # Nobody is kept waiting at a pipe, so nothing is done ahead: the same input gives the
        # same run.
        with leaving_by_signal(operator.leave) as departure:
            ahead = config.ahead if has_terminal() else 0
            run(run_dir, operator, ahead=ahead, sitting=sitting)
        _say(f"run {run_dir.name} is saved: hitl resume {run_dir.name}")
        return departure.exit_code or 0
    from hitl.tui.app import run_session

    plan = plan_of(run_dir, sitting)
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


def _say(line: str) -> None:
    """On stderr, if that is still there."""
    try:
        print(line, file=sys.stderr)
        sys.stdout.flush()
    except OSError:
        from hitl.tui.terminal import abandon

        abandon()  # or Python would complain at exit of what it could not write


def plan_of(run_dir: RunDir, sitting: Sitting | None = None) -> SessionPlan:
    """What the terminal UI needs to open the run."""
    from hitl.tui.app import SessionInfo, SessionPlan

    config = config_of(run_dir, sitting)
    with (
        saying_what_is_left(run_dir),
        Journal.open(run_dir.journal_path, readonly=True) as journal,
    ):
        updates = tuple(journal.updates())
    if sitting is not None and sitting.at is not None:
        updates = updates[: sitting.at]
    info = SessionInfo(run_dir.name, config, config.base_policy, len(updates), updates)
    return SessionPlan(info, _starter(run_dir, config.ahead, sitting))


def _starter(run_dir: RunDir, ahead: int, sitting: Sitting | None) -> Callable[[Operator], None]:
    return lambda operator: run(run_dir, operator, ahead=ahead, sitting=sitting)

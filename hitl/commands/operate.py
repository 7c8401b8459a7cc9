"""Opens a run for a person: the terminal UI, or line mode."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from hitl.assemble import AS_IT_IS, Opening, config_of, run
from hitl.checkpoints import checkpoint_age
from hitl.commands.farewell import mark, say_farewell
from hitl.config.look import PLAIN_LOOK, Look
from hitl.departure import leaving_by_signal
from hitl.journal import Journal
from hitl.language import translator_for
from hitl.operator import Operator
from hitl.rundir import RunDir
from hitl.salvage import saying_what_is_left
from hitl.scale import Scale

if TYPE_CHECKING:
    from hitl.tui.app import SessionPlan

AGAIN = 0.05
"""Share of groups that a person is shown a second time."""


def has_terminal() -> bool:
    """Whether a person sits at both ends, or at a browser."""
    return in_browser() or (sys.stdin.isatty() and sys.stdout.isatty())


def in_browser() -> bool:
    """Whether `hitl serve` started this: standard output carries the page then."""
    return "TEXTUAL_DRIVER" in os.environ


def operate(
    run_dir: RunDir, *, plain: bool, opening: Opening = AS_IT_IS, look: Look = PLAIN_LOOK
) -> int:
    """One session at the run, until the operator leaves."""
    tr = translator_for(look)
    if plain or not has_terminal():
        from hitl.plain import PlainOperator

        config = config_of(run_dir)
        scale = Scale.parse(config.scale)
        operator = PlainOperator(config.operator_name, scale, sys.stdin, sys.stdout, tr)
        # Nobody is kept waiting at a pipe, so nothing is done ahead: the same input gives the
        # same run. And what is piped in names completions as they were sampled.
        if has_terminal():
            opening = replace(opening, ahead=config.ahead, shuffle=True)
        with leaving_by_signal(operator.leave) as departure:
            run(run_dir, operator, opening)
        _say(tr("run {run} is saved: hitl resume {run}", run=run_dir.name))
        return departure.exit_code or 0
    from hitl.tui.app import run_session

    since = mark(run_dir)
    plan = plan_of(run_dir, opening)
    code = run_session(plan, tr=tr, theme=look.theme, log=run_dir.log_path)
    if not in_browser():
        say_farewell(run_dir, since, tr)
    return code


def _say(line: str) -> None:
    """On stderr, if that is still there."""
    try:
        print(line, file=sys.stderr)
        sys.stdout.flush()
    except OSError:
        from hitl.tui.terminal import abandon

        abandon()  # or Python would complain at exit of what it could not write


def plan_of(run_dir: RunDir, opening: Opening = AS_IT_IS) -> SessionPlan:
    """What the terminal UI needs to open the run."""
    from hitl.tui.app import SessionInfo, SessionPlan

    config = config_of(run_dir, opening)
    with (
        saying_what_is_left(run_dir),
        Journal.open(run_dir.journal_path, readonly=True) as journal,
    ):
        updates = tuple(journal.updates())
    if opening.at is not None:
        updates = updates[: opening.at]
    age = checkpoint_age(run_dir.steps, at_most=len(updates))
    info = SessionInfo(
        run_dir.name, config, config.base_policy, len(updates), updates, run_dir.path, age
    )
    opening = replace(opening, ahead=config.ahead, shuffle=True, again=AGAIN)
    return SessionPlan(info, _starter(run_dir, opening))


def _starter(run_dir: RunDir, opening: Opening) -> Callable[[Operator], None]:
    return lambda operator: run(run_dir, operator, opening)

"""A run as the terminal UI opens it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from hitl.checkpoints import checkpoint_age
from hitl.opening import AS_IT_IS, Opening, config_of
from hitl.operator import Operator
from hitl.rundir import RunDir
from hitl.salvage import reading

if TYPE_CHECKING:
    from hitl.tui.app import SessionPlan

AGAIN = 0.05
"""Share of groups that a person is shown a second time."""


def plan_of(run_dir: RunDir, opening: Opening = AS_IT_IS) -> SessionPlan:
    """What the terminal UI needs to open the run."""
    from hitl.tui.app import SessionPlan
    from hitl.tui.screens.frame import SessionInfo

    config = config_of(run_dir, opening)
    with reading(run_dir) as journal:
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
    def start(operator: Operator) -> None:
        # In the session's own thread: a third of what `hitl` imports, and no screen waits for it.
        from hitl.assemble import run

        run(run_dir, operator, opening)

    return start

"""A run goes back to an update it had."""

from __future__ import annotations

from hitl.checkpoints import Checkpoints
from hitl.errors import UsageError
from hitl.faultpoints import reach
from hitl.journal import Journal


def go_back(journal: Journal, checkpoints: Checkpoints, at: int) -> None:
    """Makes update `at` the last one, on a new branch; the journal keeps what came after it.

    Killed in between, the run is as it was, short of checkpoints that it can make again. Raises
    UsageError when there is no such update.
    """
    check_update(journal, at)
    checkpoints.discard_after(at)
    reach("rollback:discarded")
    journal.rollback(at)


def check_update(journal: Journal, at: int) -> None:
    """Raises UsageError when the run cannot go back to update `at`."""
    last = journal.last_update()
    if not 0 <= at <= last:
        choice = f"from 0, the base policy, to {last}" if last else "0, the base policy"
        raise UsageError(f"--at {at}: there is no such update in the run, choose {choice}")

"""What is left of a run whose journal is damaged, in words for the user."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from hitl.checkpoints import checkpoint_problem, checkpoint_versions
from hitl.journal import Journal, JournalDamagedError
from hitl.rundir import RunDir


@contextlib.contextmanager
def saying_what_is_left(run: RunDir) -> Iterator[None]:
    """Adds to a JournalDamagedError how rows and policy of the run can be saved. Writes nothing."""
    try:
        yield
    except JournalDamagedError as error:
        raise JournalDamagedError(f"{error}; without one, {_left(run)}") from error


@contextlib.contextmanager
def reading(run: RunDir) -> Iterator[Journal]:
    """The journal of a run, to be read alone, which may be open elsewhere. Raises
    JournalDamagedError that says what is left."""
    with saying_what_is_left(run), Journal.open(run.journal_path, readonly=True) as journal:
        yield journal


def _left(run: RunDir) -> str:
    ways = []
    if run.journal_path.is_file() and run.journal_path.stat().st_size:
        ways.append(f"`sqlite3 {run.journal_path} .recover` prints the rows that can be read")
    for version in reversed(checkpoint_versions(run.steps)):
        path = run.steps / f"{version:06d}"
        if checkpoint_problem(path) is None:
            ways.append(
                f"`hitl train --policy {path / 'policy'}` goes on from the policy of update "
                f"{version} in a new run"
            )
            break
    return ", and ".join(ways) or "nothing can be saved"

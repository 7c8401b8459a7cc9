"""The writing of a run, read for its alarms."""

from __future__ import annotations

from hitl.alarms import Written, written
from hitl.rundir import RunDir
from hitl.salvage import reading

SAMPLE = 64
"""Completions that length and diversity are told from."""


def writing_of(run_dir: RunDir) -> tuple[Written | None, Written | None]:
    """What was written at the beginning of the run, and of late; None where that is too little.
    Raises JournalDamagedError."""
    with reading(run_dir) as journal:
        first = journal.token_ids(SAMPLE, newest=False)
        last = journal.token_ids(SAMPLE, newest=True)
    return written(first, len(last)), written(last, len(first))

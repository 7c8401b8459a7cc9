"""`hitl train`: a new run."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from hitl.commands.operate import operate
from hitl.config.commands import Label, Train
from hitl.creation import create_run
from hitl.errors import UsageError
from hitl.language import with_language
from hitl.opening import Opening, check_place
from hitl.rundir import RunDir, fresh_name
from hitl.salvage import reading


def train(command: Train) -> int:
    """Makes the run and opens it."""
    check_place(command.place)
    root = Path(command.root)
    config = with_language(command.session)
    name = command.run or fresh_name(root, config.lang)
    if RunDir.exists(root, name):
        raise UsageError(f"run {name} is there already: hitl resume {name}, or another --run NAME")
    run_dir = create_run(root, name, config)
    try:
        return operate(
            run_dir, plain=command.plain, opening=Opening(place=command.place), look=command.look
        )
    except Exception:
        discard_if_empty(run_dir)
        raise


def label(command: Label) -> int:
    """The same without updates."""
    session = replace(command.session, label_only=True)
    return train(replace(command, session=session))


def discard_if_empty(run_dir: RunDir) -> None:
    """Removes a run that failed before anything was sampled, so that its name is free again."""
    with reading(run_dir) as journal:
        empty = journal.totals().groups == 0
    if empty:
        shutil.rmtree(run_dir.path)

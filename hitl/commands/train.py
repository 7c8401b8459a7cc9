"""`hitl train`: a new run."""

from __future__ import annotations

from pathlib import Path

from hitl.assemble import create_run
from hitl.commands.operate import operate
from hitl.config.commands import Train
from hitl.errors import UsageError
from hitl.language import with_language
from hitl.rundir import RunDir, fresh_name


def train(command: Train) -> int:
    """Makes the run and opens it."""
    root = Path(command.root)
    config = with_language(command.session)
    name = command.run or fresh_name(root, config.lang)
    if RunDir.exists(root, name):
        raise UsageError(f"run {name} is there already: hitl resume {name}, or another --run NAME")
    return operate(create_run(root, name, config), plain=command.plain)

"""`hitl resume`: a run goes on where it stood."""

from __future__ import annotations

from pathlib import Path

from hitl.commands.operate import operate
from hitl.config.commands import Resume
from hitl.errors import UsageError
from hitl.rundir import RunDir
from hitl.runs import list_runs


def resume(command: Resume) -> int:
    """Opens the named run, or the newest."""
    root = Path(command.root)
    name = command.run
    if name is None:
        runs = list_runs(root)
        if not runs:
            raise UsageError(f"there is no run in {root} yet: `hitl train` begins one")
        name = runs[0].run
    return operate(RunDir.open(root, name), plain=command.plain)

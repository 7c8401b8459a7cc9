"""`hitl resume`: a run goes on where it stood."""

from __future__ import annotations

from pathlib import Path

from hitl.commands.operate import operate
from hitl.config.commands import Resume
from hitl.errors import UsageError
from hitl.opening import Opening, check_place
from hitl.rollback import check_update
from hitl.rundir import RunDir
from hitl.runs import list_runs
from hitl.salvage import reading


def resume(command: Resume) -> int:
    """Opens the named run, or the newest."""
    check_place(command.place)
    root = Path(command.root)
    name = command.run
    if name is None:
        runs = list_runs(root)
        if not runs:
            raise UsageError(f"there is no run in {root} yet: `hitl train` begins one")
        name = runs[0].run
    run_dir = RunDir.open(root, name)
    if command.at is not None:  # said before a screen opens
        with reading(run_dir) as journal:
            check_update(journal, command.at)
    return operate(
        run_dir,
        plain=command.plain,
        opening=Opening(device=command.device, place=command.place, at=command.at),
        look=command.look,
    )

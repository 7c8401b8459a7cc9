"""`hitl` alone: the picker of runs, or a new run where there is none."""

from __future__ import annotations

from pathlib import Path

from hitl.commands.operate import has_terminal, operate
from hitl.commands.sitting import Sitting, new_run
from hitl.errors import UsageError
from hitl.language import users_language
from hitl.runs import list_runs


def home(root: Path = Path("checkpoints")) -> int:
    """Opens the terminal UI."""
    if not has_terminal():
        raise UsageError(
            "this is no terminal: use `hitl train` to read judgements from standard input, "
            "or `hitl --help`"
        )
    runs = list_runs(root)
    if not runs:
        return operate(new_run(root, users_language()), plain=False)
    from hitl.tui.app import pick_and_run
    from hitl.tui.run_figures import updates_of

    sitting = Sitting(root)
    code = pick_and_run(runs, sitting.begin, updates=lambda run: updates_of(root / run))
    sitting.say_farewell()
    return code

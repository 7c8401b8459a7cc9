"""`hitl` alone: the picker of runs, or a new run where there is none."""

from __future__ import annotations

from pathlib import Path

from hitl.commands.operate import has_terminal, operate
from hitl.commands.stint import Stint, new_run
from hitl.config.look import PLAIN_LOOK, Look
from hitl.errors import UsageError
from hitl.importing import importing
from hitl.language import translator_for, users_language
from hitl.runs import list_runs


def home(look: Look = PLAIN_LOOK, root: Path = Path("checkpoints")) -> int:
    """Opens the terminal UI."""
    if not has_terminal():
        raise UsageError(
            "this is no terminal: use `hitl train` to read judgements from standard input, "
            "or `hitl --help`"
        )
    runs = list_runs(root)
    if not runs:
        return operate(new_run(root, users_language()), plain=False, look=look)
    with importing():
        from hitl.tui.run_figures import updates_of
        from hitl.tui.start import pick_and_run

    tr = translator_for(look)
    stint = Stint(root)
    code = pick_and_run(
        runs, stint.begin, tr=tr, theme=look.theme, updates=lambda run: updates_of(root / run)
    )
    stint.say_farewell(tr)
    return code

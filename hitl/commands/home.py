"""`hitl` alone: the picker of runs, or a new run where there is none."""

from __future__ import annotations

from pathlib import Path

from hitl.assemble import Opening, create_run
from hitl.commands.farewell import mark, say_farewell
from hitl.commands.operate import has_terminal, operate, plan_of
from hitl.config.look import PLAIN_LOOK, Look
from hitl.config.session import SessionConfig
from hitl.errors import UsageError
from hitl.language import translator_for, users_language
from hitl.rundir import RunDir, fresh_name
from hitl.runs import list_runs
from hitl.wording import Language


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
    from hitl.tui.app import NewRun, ResumeRun, SessionPlan, pick_and_run
    from hitl.tui.run_figures import updates_of

    opened: list[tuple[RunDir, int]] = []

    def begin(choice: ResumeRun | NewRun) -> SessionPlan:
        match choice:
            case ResumeRun(run, at):
                run_dir, opening = RunDir.open(root, run), Opening(at=at)
            case NewRun(lang):
                run_dir, opening = new_run(root, lang), Opening()
        opened.append((run_dir, mark(run_dir)))
        return plan_of(run_dir, opening)

    tr = translator_for(look)
    code = pick_and_run(
        runs, begin, tr=tr, theme=look.theme, updates=lambda run: updates_of(root / run)
    )
    for run_dir, since in opened:
        say_farewell(run_dir, since, tr)
    return code


def new_run(root: Path, lang: Language) -> RunDir:
    """A run on the shipped policy of a language, under a fresh name."""
    return create_run(root, fresh_name(root, lang), SessionConfig(lang=lang))

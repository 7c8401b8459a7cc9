"""The runs that are opened one after the other at one terminal UI."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hitl.commands.farewell import mark, say_farewell
from hitl.commands.plan import plan_of
from hitl.config.session import SessionConfig
from hitl.creation import create_run
from hitl.opening import AS_IT_IS, Opening
from hitl.rundir import RunDir, fresh_name
from hitl.wording import Language, Translator

if TYPE_CHECKING:
    from hitl.tui.app import SessionPlan
    from hitl.tui.choices import NewRun, ResumeRun


class Stint:
    """Opens what the screen asks for, and knows at the end what was opened."""

    def __init__(self, root: Path, opening: Opening = AS_IT_IS) -> None:
        """`root` is the folder of the runs; each is opened as `opening` says, but for where."""
        self._root = root
        self._opening = replace(opening, at=None)
        self._since: dict[str, int] = {}

    def begin(self, choice: ResumeRun | NewRun) -> SessionPlan:
        """What was chosen in the list of runs."""
        from hitl.tui.choices import NewRun

        if isinstance(choice, NewRun):
            return self.open(new_run(self._root, choice.lang), self._opening)
        return self.open(RunDir.open(self._root, choice.run), replace(self._opening, at=choice.at))

    def open(self, run_dir: RunDir, opening: Opening = AS_IT_IS) -> SessionPlan:
        """What the terminal UI needs to open the run."""
        self._since.setdefault(run_dir.name, mark(run_dir))
        return plan_of(run_dir, opening)

    def say_farewell(self, tr: Translator) -> None:
        """For each run that was open, once."""
        for name, since in self._since.items():
            say_farewell(RunDir.open(self._root, name), since, tr)


def new_run(root: Path, lang: Language) -> RunDir:
    """A run on the shipped policy of a language, under a fresh name."""
    return create_run(root, fresh_name(root, lang), SessionConfig(lang=lang))

"""The session: one operator at one run, from where its journal stands until they leave."""

from __future__ import annotations

import contextlib

from hitl.dialogue import Dialogue
from hitl.engine import BrokenOffError
from hitl.open_run import Held, OpenRun
from hitl.opening import AS_IT_IS, Opening
from hitl.operator import Operator


class Session:
    """One operator's session at one run."""

    def __init__(self, held: Held, operator: Operator, opening: Opening = AS_IT_IS) -> None:
        """See OpenRun."""
        self._operator = operator
        self._run = OpenRun(held, operator, opening)

    def run(self) -> None:
        """Takes the run up where its journal stands, and goes on until the operator leaves."""
        # Broken off: they left before there was anything to save.
        with contextlib.suppress(BrokenOffError):
            with (
                contextlib.closing(Dialogue(self._run, self._operator)) as dialogue,
                contextlib.suppress(KeyboardInterrupt),  # a signal in line mode: leave, and save
            ):
                self._run.take_up(self._operator.name)
                if not self._operator.leaving:
                    while dialogue.step():
                        pass
            self._run.finish()

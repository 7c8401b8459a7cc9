"""The session: one operator at one run, from where its journal stands until they leave."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from hitl.checkpoints import Checkpoints
from hitl.config.session import SessionConfig
from hitl.dialogue import Dialogue
from hitl.engine import BrokenOffError, EngineThread
from hitl.journal import Journal
from hitl.open_run import OpenRun
from hitl.operator import Operator
from hitl.records import Prompt


class Session:
    """One operator's session at one run."""

    def __init__(
        self,
        config: SessionConfig,
        journal: Journal,
        checkpoints: Checkpoints,
        engine: EngineThread,
        prompt: Callable[[int], Prompt],
        operator: Operator,
        ahead: int,
        *,
        shuffle: bool = False,
        again: float = 0.0,
    ) -> None:
        """See OpenRun."""
        self._operator = operator
        self._run = OpenRun(
            config,
            journal,
            checkpoints,
            engine,
            prompt,
            operator,
            ahead,
            shuffle=shuffle,
            again=again,
        )

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

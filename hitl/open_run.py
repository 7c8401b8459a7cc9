"""A run that is open: what the dialogues at it share, one operator's or several.

It knows an engine and listeners by their protocols only. With `ahead` 0 everything happens in
order and a run repeats bit for bit; with more, groups are sampled and updates made in the engine's
thread while the operators read, and the journal records which policy sampled what.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import wait

from hitl.checkpoints import Checkpoints
from hitl.config.session import SessionConfig
from hitl.engine import EngineThread
from hitl.journal import Journal
from hitl.operator import Listener, Ready, Waiting
from hitl.records import Prompt
from hitl.supply import Supply
from hitl.updates import Updates

LOOK_S = 0.1
"""Seconds between two looks whether they leave while the policy is loaded."""


class OpenRun:
    """Journal, supply and updates of one run."""

    def __init__(
        self,
        config: SessionConfig,
        journal: Journal,
        checkpoints: Checkpoints,
        engine: EngineThread,
        prompt: Callable[[int], Prompt],
        listener: Listener,
        ahead: int,
        *,
        shuffle: bool = False,
        again: float = 0.0,
        overlap: float = 0.0,
    ) -> None:
        """`prompt(number)` is the prompt of the run's group `number`, from 1. `listener` hears what
        is of the run and of no single dialogue. `ahead` groups are sampled while one is judged;
        `shuffle` mixes their places on the screen, so that none gains by its place; `again` is the
        share of groups that come a second time (see `repeats`), `overlap` of those that two
        operators judge (see `second`)."""
        self.config = config
        self.journal = journal
        self.engine = engine
        self.prompt = prompt
        self.shuffle = shuffle
        self.again = again
        self.listener = listener
        self.turn = threading.RLock()
        """Held by a dialogue while it does what its operator said, and by none that waits for a
        group or for its operator."""
        self.supply = Supply(
            config,
            journal,
            engine,
            prompt,
            ahead,
            lambda groups: listener.notify(Ready(groups)),
            overlap,
        )
        self.updates = Updates(
            config, journal, checkpoints, engine, listener, self.supply, wait=not ahead
        )

    def take_up(self, shown_to: str = "") -> None:
        """The policy and the groups as the journal has them. `shown_to` is the operator who had
        groups on the screen when the run was left; "" when that is not known."""
        self.listener.notify(Waiting("load"))
        restored = self.engine.submit(self.updates.restore)
        while not wait([restored], LOOK_S).done:
            if self.listener.leaving and not self.engine.made:
                return  # nothing has changed, and no import can be broken off
        restored.result()
        if self.listener.leaving:
            return
        self.supply.take_up(shown_to)
        with self.turn:
            self.updates.take_up()

    def finish(self) -> None:
        """After the dialogues: the update that runs is waited for, and saved."""
        if not self.engine.made:
            return
        with self.turn:
            self.updates.finish()
        self.engine.submit(self.updates.save).result()

    def at_work(self) -> str:
        """What the engine does while somebody waits for a group: "update" or "sample"."""
        return "update" if self.updates.at_work else "sample"

"""A run that is open: what the dialogues at it share, one operator's or several.

It knows an engine and listeners by their protocols only. With `ahead` 0 everything happens in
order and a run repeats bit for bit; with more, groups are sampled and updates made in the engine's
thread while the operators read, and the journal records which policy sampled what.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import wait
from dataclasses import dataclass

from hitl.checkpoints import Checkpoints
from hitl.config.session import SessionConfig
from hitl.engine import EngineThread
from hitl.journal import Journal
from hitl.opening import AS_IT_IS, Opening
from hitl.operator import Listener, Ready, Waiting
from hitl.records import Prompt
from hitl.supply import Supply
from hitl.updates import Updates

LOOK_S = 0.1
"""Seconds between two looks whether they leave while the policy is loaded."""


@dataclass(frozen=True)
class Held:
    """What a run that is open is made of, held by one process."""

    config: SessionConfig
    journal: Journal
    checkpoints: Checkpoints
    engine: EngineThread
    prompt: Callable[[int], Prompt]
    """The prompt of the run's group of this number, from 1."""


class OpenRun:
    """Journal, supply and updates of one run."""

    def __init__(
        self,
        held: Held,
        listener: Listener,
        opening: Opening = AS_IT_IS,
        overlap: float = 0.0,
    ) -> None:
        """`listener` hears what is of the run and of no single dialogue; `overlap` is the share of
        groups that two operators judge (see `second`). Of `opening` only what is of the judging
        counts here: ahead, shuffle and again."""
        self.config = held.config
        self.journal = held.journal
        self.engine = held.engine
        self.prompt = held.prompt
        self.shuffle = opening.shuffle
        self.again = opening.again
        self.listener = listener
        self.turn = threading.RLock()
        """Held by a dialogue while it does what its operator said, and by none that waits for a
        group or for its operator."""
        self.supply = Supply(
            held.config,
            held.journal,
            held.engine,
            held.prompt,
            opening.ahead,
            lambda groups: listener.notify(Ready(groups)),
            overlap,
        )
        self.updates = Updates(
            held.config,
            held.journal,
            held.checkpoints,
            held.engine,
            listener,
            self.supply,
            wait=not opening.ahead,
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

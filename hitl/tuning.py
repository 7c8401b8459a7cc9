"""What the operator may change in the middle of a run: learning rate, KL budget, pause.

A change is written into the journal, and each update records what it was made with. So the weights
stay a function of base policy, config and journal.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from hitl.errors import UsageError
from hitl.records import StepOptions
from hitl.wording import Sentence

KIND = "tuning"
"""Of the journal's events that hold a change."""


@dataclass(frozen=True, slots=True)
class Tune:
    """A change; None leaves as it is. A reply of the operator to the session.

    Raises UsageError for what no update could be made with.
    """

    lr: float | None = None
    target_kl: float | None = None
    """KL to the reference to stay near, nats a sequence."""
    paused: bool | None = None
    """Judge on, but make no update until it is taken back."""

    def __post_init__(self) -> None:
        if self.lr is not None and not 0 < self.lr < 1:
            raise UsageError(
                Sentence("a learning rate of {lr:g} is none: above 0 and below 1", lr=self.lr)
            )
        if self.target_kl is not None and not 0 < self.target_kl < math.inf:
            raise UsageError(
                Sentence("a KL budget of {kl:g} nats is none: above 0", kl=self.target_kl)
            )

    def to_json(self) -> dict[str, Any]:
        """Only what changes."""
        given = {"lr": self.lr, "target_kl": self.target_kl, "paused": self.paused}
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Tuning:
    """What holds now."""

    options: StepOptions
    paused: bool = False

    def after(self, change: Tune) -> Tuning:
        """With the change made."""
        options = StepOptions(
            self.options.lr if change.lr is None else change.lr,
            self.options.target_kl if change.target_kl is None else change.target_kl,
        )
        return Tuning(options, self.paused if change.paused is None else change.paused)

    @property
    def sentence(self) -> Sentence:
        """For the operator."""
        lr, kl = self.options.lr, self.options.target_kl
        if self.paused:
            return Sentence("paused, lr {lr:g}, KL budget {kl:g} nats", lr=lr, kl=kl)
        return Sentence("lr {lr:g}, KL budget {kl:g} nats", lr=lr, kl=kl)

    def __str__(self) -> str:
        return str(self.sentence)


def tuning_of(options: StepOptions, changes: Iterable[dict[str, Any]]) -> Tuning:
    """What holds after a run's changes, in order; `options` are those of its config."""
    tuning = Tuning(options)
    for data in changes:
        tuning = tuning.after(Tune(**data))
    return tuning


def warmed_up(options: StepOptions, number: int, warmup: int) -> StepOptions:
    """What update `number` (1 is the first) is made with when the learning rate rises over the
    first `warmup` ones."""
    if number >= warmup:
        return options
    return replace(options, lr=options.lr * number / warmup)

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
    """A change; None leaves as it is. A reply of the operator to the session. A learning rate that
    is given holds from then on, and falls no more.

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
        options = self.options
        if change.lr is not None:
            options = replace(options, lr=change.lr, lr_decay=None)
        if change.target_kl is not None:
            options = replace(options, target_kl=change.target_kl)
        return Tuning(options, self.paused if change.paused is None else change.paused)

    @property
    def sentence(self) -> Sentence:
        """For the operator."""
        lr, kl = self.options.lr, self.options.target_kl
        if self.options.lr_decay is not None:
            if self.paused:
                return Sentence(
                    "paused, lr falling from {lr:g}, KL budget {kl:g} nats", lr=lr, kl=kl
                )
            return Sentence("lr falling from {lr:g}, KL budget {kl:g} nats", lr=lr, kl=kl)
        if self.paused:
            return Sentence("paused, lr {lr:g}, KL budget {kl:g} nats", lr=lr, kl=kl)
        return Sentence("lr {lr:g}, KL budget {kl:g} nats", lr=lr, kl=kl)

    def __str__(self) -> str:
        return str(self.sentence)


@dataclass(frozen=True, slots=True)
class Change:
    """A change as the journal has it."""

    tune: Tune
    judged: int
    """Number of the newest judgement when it was made; 0 before the first."""

    def to_json(self) -> dict[str, Any]:
        """Data of the journal's event."""
        return {**self.tune.to_json(), "judged": self.judged}

    @staticmethod
    def from_json(data: dict[str, Any]) -> Change:
        """Of `to_json`; an older journal does not say what was judged by then."""
        rest = dict(data)
        judged = rest.pop("judged", 0)
        return Change(Tune(**rest), judged)


def tuning_of(options: StepOptions, changes: Iterable[Change]) -> Tuning:
    """What holds after a run's changes, in order; `options` are those of its config."""
    tuning = Tuning(options)
    for change in changes:
        tuning = tuning.after(change.tune)
    return tuning


def options_when_full(
    options: StepOptions, changes: Iterable[Change], judged: int
) -> StepOptions | None:
    """What is learned with from the batch that judgement `judged` made full; None while it waits.

    What held at that moment, or, when training was paused then, when it went on. However late the
    update begins, and in whatever process: a function of the journal.
    """
    tuning = Tuning(options)
    for change in changes:
        if change.judged >= judged and not tuning.paused:
            break
        tuning = tuning.after(change.tune)
    return None if tuning.paused else tuning.options


def in_effect(options: StepOptions, number: int, batch_size: int, warmup: int) -> StepOptions:
    """What update `number` (1 is the first) is made with, each of `batch_size` labels: the learning
    rate rises over the first `warmup` updates, and falls as `lr_decay` has it."""
    lr = options.lr * min(number / warmup, 1.0) if warmup else options.lr
    if options.lr_decay is not None:
        lr /= math.sqrt(1 + (number - 1) * batch_size / options.lr_decay)
    return StepOptions(lr, options.target_kl)

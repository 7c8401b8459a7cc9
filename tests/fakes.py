"""An engine without torch, and an operator that reads from a script."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from hitl.checkpoints import Checkpoints
from hitl.config.session import SessionConfig
from hitl.engine import EngineThread, never
from hitl.journal import Journal
from hitl.manifest import Manifest
from hitl.open_run import Held
from hitl.operator import Desk, Event, Reply
from hitl.records import (
    Completion,
    Group,
    Inspection,
    Judgement,
    LabelledGroup,
    Mode,
    Prompt,
    Scores,
    StepOptions,
    TokenView,
    UpdateStats,
)


def held(folder: Path, journal: Journal, engine: EngineThread, config: SessionConfig) -> Held:
    """A run in a folder, whose prompts are called by their numbers."""
    steps = Checkpoints(folder / "steps")
    return Held(config, journal, steps, engine, lambda number: Prompt(f"prompt {number}", number))


class FakeEngine:
    """Its "weights" are a hash of every batch it was taught, in order."""

    def __init__(self) -> None:
        self.version = 0
        self.weights = "base"
        self.sampled: list[tuple[int, int, int]] = []
        self.before_update: Callable[[], None] = lambda: None
        self.hurried: Callable[[], bool] = never

    def sample(self, prompts: Sequence[Prompt], group_size: int, seed: int) -> list[Group]:
        self.sampled += [(p.number, p.attempt, self.version) for p in prompts]
        return [
            Group(
                p,
                (p.number,),
                tuple(
                    Completion(f"{p.number}.{p.attempt}.{i}", (i, 1), (-0.5, -0.25), True)
                    for i in range(group_size)
                ),
                self.version,
            )
            for p in prompts
        ]

    def sample_to_judge(self, prompts: Sequence[Prompt], group_size: int, seed: int) -> list[Group]:
        return self.sample(prompts, group_size, seed)

    def sample_base(self, prompts: Sequence[Prompt], group_size: int, seed: int) -> list[Group]:
        groups = FakeEngine().sample(prompts, group_size, seed)
        return [
            dataclasses.replace(
                group,
                completions=tuple(
                    dataclasses.replace(c, text=f"base {c.text}") for c in group.completions
                ),
            )
            for group in groups
        ]

    def update(
        self,
        number: int,
        batch: Sequence[LabelledGroup],
        options: StepOptions | None = None,
        hurried: Callable[[], bool] = never,
    ) -> UpdateStats:
        self.hurried = hurried
        self.before_update()
        options = options or StepOptions(0.0, 0.0)
        assert number in (self.version, self.version + 1)
        if number > self.version:
            said = json.dumps([str(options), *((g.group.key, g.rewards) for g in batch)])
            self.weights = hashlib.sha256((self.weights + said).encode()).hexdigest()
            self.version = number
        rewards = [r for g in batch for r in g.rewards if r == r]
        return UpdateStats(
            number, len(rewards), sum(rewards) / max(len(rewards), 1), 0.5, 0.1, 0.2, 0.0, 0.0, 3.0,
            0.1, 0.01, 1.0, 4, 0.0, self.weights, (), options.lr, options.target_kl,
        )  # fmt: skip

    def sequence_kl(self, groups: Sequence[Group]) -> float:
        return 0.0

    def inspect(self, group: Group) -> Inspection:
        return tuple(
            tuple(TokenView(f"<{token}>", -1.0) for token in c.token_ids) for c in group.completions
        )

    def save(self, directory: Path) -> Manifest:
        (directory / "state.json").write_text(json.dumps([self.version, self.weights]))
        return Manifest.of(directory)

    def load(self, directory: Path) -> int:
        self.version, self.weights = json.loads((directory / "state.json").read_text())
        return self.version

    def close(self) -> None:
        pass


T = TypeVar("T")
Line = Reply | Callable[[Desk], Reply]


class Scripted:
    """Says what the script says; what it heard is kept."""

    name = "op"
    leaving = False

    def __init__(self, script: Iterable[Line]) -> None:
        self._script = iter(script)
        self.desks: list[Desk] = []
        self.events: list[Event] = []

    def judge(self, desk: Desk) -> Reply:
        self.desks.append(desk)
        line = next(self._script)
        return line(desk) if callable(line) else line

    def notify(self, event: Event) -> None:
        self.events.append(event)

    def heard(self, kind: type[T]) -> list[T]:
        return [event for event in self.events if isinstance(event, kind)]


def scores(*values: float) -> Callable[[Desk], Judgement]:
    """A line of the script: these scores for whatever group lies there."""

    def say(desk: Desk) -> Judgement:
        return Judgement(
            desk.group.key, Scores(values), "op", Mode.SCORE, keys="k" * len(values),
            shown=desk.shown,
        )  # fmt: skip

    return say

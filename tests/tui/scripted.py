"""A session without a policy: it lays desks, keeps what it is told, and follows the protocol."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from hitl.operator import (
    Desk,
    Draft,
    Inspected,
    Judged,
    Notice,
    Operator,
    OwnPrompt,
    Quit,
    Reply,
    Resample,
    Save,
    Saved,
    Tuned,
    Undo,
    Undone,
    Updated,
    Waiting,
)
from hitl.records import (
    Completion,
    Group,
    Judgement,
    Mode,
    Prompt,
    Scores,
    StepOptions,
    TokenView,
    UpdateStats,
)
from hitl.tuning import Tune, Tuning


def completion(text: str) -> Completion:
    return Completion(text, tuple(range(len(text))), (0.0,) * len(text), True)


def group(number: int, texts: Sequence[str], prompt: str = "Once upon a time") -> Group:
    done = tuple(completion(text) for text in texts)
    return Group(Prompt(prompt, number), (1, 2), done, policy_version=0)


def stats(number: int, reward: float = 2.9, kl: float = 0.8) -> UpdateStats:
    return UpdateStats(number, 8, reward, 1.0, kl, 0.2, 0.0, 0.0, 1.0, 0.0, 0.01, 0.5, 4, 1.5)


@dataclass
class ScriptedSession:
    """`start` is what `run_session` runs in its thread. The groups go round and round."""

    groups: Sequence[Group]
    batch_size: int = 8
    mode: Mode = Mode.SCORE
    seed: int | None = None
    """Shuffles the places when given."""
    before: Callable[[Operator], None] = lambda operator: None
    hold: set[str] = field(default_factory=set)
    """Stages ("judged", "update", "save") the session stands still at until it is let go."""
    pause_s: dict[str, float] = field(default_factory=dict)
    replies: list[Reply] = field(default_factory=list)
    kept: list[Judgement] = field(default_factory=list)
    drafts: dict[tuple[int, int], Draft] = field(default_factory=dict)
    desks: int = 0
    tuning: Tuning = field(default_factory=lambda: Tuning(StepOptions(1e-3, 6.0)))
    ended: threading.Event = field(default_factory=threading.Event)

    _free: threading.Event = field(default_factory=threading.Event)

    def let_go(self) -> None:
        self._free.set()

    def pause(self, stage: str) -> None:
        time.sleep(self.pause_s.get(stage, 0))
        if stage in self.hold:
            assert self._free.wait(10)

    def inspect(self, operator: Operator, asked: Group) -> None:
        def look() -> None:
            self.pause("inspect")
            tokens = tuple(
                tuple(TokenView(letter, -1.0) for letter in c.text) for c in asked.completions
            )
            operator.notify(Inspected(asked.key, tokens))

        threading.Thread(target=look).start()

    def start(self, operator: Operator) -> None:
        try:
            self.before(operator)
            self._loop(operator)
        finally:
            self.ended.set()

    def _loop(self, operator: Operator) -> None:
        place, consumed, updates = 0, 0, 0
        attempts: dict[int, int] = {}
        while True:
            g = self.groups[place % len(self.groups)]
            number = g.prompt.number if g.prompt.number >= 100 else place + 1
            prompt = replace(g.prompt, number=number, attempt=attempts.get(place, 0))
            g = replace(g, prompt=prompt)
            shown = list(range(len(g.completions)))
            if self.seed is not None:
                random.Random(self.seed + place).shuffle(shown)
            self.desks += 1
            waiting = sum(j.labels for j in self.kept[consumed:])
            desk = Desk(
                g,
                self.mode,
                tuple(shown),
                waiting,
                self.batch_size,
                3,
                self.drafts.get(g.key),
                lambda d, key=g.key: self.drafts.__setitem__(key, d),
                lambda asked=g: self.inspect(operator, asked),
            )
            reply = operator.judge(desk)
            self.replies.append(reply)
            match reply:
                case Judgement():
                    self.pause("judged")
                    self.kept.append(reply)
                    rewards = (
                        tuple(float(v or 0) for v in reply.verdict.values)
                        if isinstance(reply.verdict, Scores)
                        else (0.0,) * len(g.completions)
                    )
                    self.drafts.pop(g.key, None)
                    waiting = sum(j.labels for j in self.kept[consumed:])
                    operator.notify(Judged(reply, rewards, waiting))
                    place += 1
                    if waiting >= self.batch_size:
                        operator.notify(Waiting("update"))
                        self.pause("update")
                        updates += 1
                        consumed = len(self.kept)
                        operator.notify(Updated(stats(updates)))
                case Undo():
                    if len(self.kept) > consumed:
                        back = self.kept.pop()
                        place -= 1
                        size = len(self.groups[place % len(self.groups)].completions)
                        self.drafts[back.group] = Draft.of(back, size)
                        operator.notify(Undone(back, 0))
                    else:
                        operator.notify(Notice("already trained: nothing to undo", "warning"))
                case OwnPrompt(text):
                    own = group(
                        100 + place, [f"{text} {n}" for n in range(len(g.completions))], text
                    )
                    self.groups = [*self.groups[:place], own, *self.groups[place:]]
                case Resample():
                    attempts[place] = attempts.get(place, 0) + 1
                case Tune() as change:
                    self.tuning = self.tuning.after(change)
                    operator.notify(Tuned(self.tuning))
                case Save():
                    self.pause("save")
                    operator.notify(Saved(updates))
                case Quit():
                    self.pause("save")
                    operator.notify(Saved(updates))
                    return

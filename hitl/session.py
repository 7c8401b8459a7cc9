"""The session: draw prompts -> sample -> ask the operator -> journal -> rewards -> update -> save.

It knows an engine and an operator by their protocols only. With `ahead` 0 everything happens in
order and a run repeats bit for bit; with more, groups are sampled and updates made in the engine's
thread while the operator reads, and the journal records which policy sampled what.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import replace
from typing import Any

from hitl.checkpoints import Checkpoints
from hitl.config.session import SessionConfig
from hitl.drafts import Drafts
from hitl.engine import BrokenOffError, Engine, EngineThread
from hitl.journal import Journal, JournalError
from hitl.operator import (
    Desk,
    Draft,
    Inspected,
    Judged,
    Notice,
    Operator,
    OwnPrompt,
    Quit,
    Ready,
    Rejudged,
    Resample,
    Save,
    TakeBack,
    Undo,
    Undone,
    Waiting,
)
from hitl.records import Group, JudgedGroup, Judgement, Mode, Prompt
from hitl.repeats import Repeats
from hitl.rewards import rewards_of
from hitl.study import Study
from hitl.supply import Supply
from hitl.tuning import Tune
from hitl.updates import Updates
from hitl.wording import Sentence

LOOK_S = 0.1
"""Seconds between two looks whether they leave while the policy is loaded."""


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
        """`prompt(number)` is the prompt of the run's group `number`, from 1; `ahead` groups are
        sampled while one is judged; `shuffle` mixes their places on the screen, so that none gains
        by its place; `again` is the share of groups that come a second time (see `repeats`)."""
        self._config = config
        self._journal = journal
        self._engine = engine
        self._operator = operator
        self._supply = Supply(
            config,
            journal,
            engine,
            prompt,
            ahead,
            self._say_waiting,
            lambda groups: operator.notify(Ready(groups)),
        )
        self._updates = Updates(
            config, journal, checkpoints, engine, operator, self._supply, wait=not ahead
        )
        self._shuffle = shuffle
        self._repeats = Repeats(journal, config.seed, Mode(config.mode), operator.name, again)
        self._study = Study(engine, prompt, config.seed, operator.notify)
        self._drafts = Drafts(self._write_draft)
        self._looks: deque[Future[None]] = deque()

    def run(self) -> None:
        """Takes the run up where its journal stands, and goes on until the operator leaves."""
        with contextlib.closing(self._drafts), contextlib.suppress(BrokenOffError):
            # Broken off: they left before there was anything to save.
            with contextlib.suppress(KeyboardInterrupt):  # a signal in line mode: leave, and save
                self._take_up()
                if not self._operator.leaving:
                    while self.step():
                        pass
            if not self._engine.made:
                return
            self._updates.finish()
            self._engine.submit(self._updates.save).result()

    def _take_up(self) -> None:
        """The policy and the groups as the journal has them."""
        self._operator.notify(Waiting("load"))
        restored = self._engine.submit(self._updates.restore)
        while not wait([restored], LOOK_S).done:
            if self._operator.leaving and not self._engine.made:
                return  # nothing has changed, and no import can be broken off
        restored.result()
        if self._operator.leaving:
            return
        self._supply.take_up()
        self._updates.take_up()

    def step(self) -> bool:
        """One thing the operator says; False when they leave."""
        self._raise_background_errors()
        group = self._supply.next()
        again = self._repeats.due()
        reply = self._operator.judge(self._desk(group) if again is None else self._again(again))
        self._drafts.settle()
        if again is not None and isinstance(reply, Judgement | Resample):
            self._supply.put_back(group)
            self._keep_again(again, reply if isinstance(reply, Judgement) else None)
            return True
        match reply:
            case Judgement() as judgement:
                if self._keep(group, judgement):
                    self._updates.begin_if_full()
            case Undo():
                self._undo(group)
            case TakeBack(identity, now):
                self._take_back(group, identity, now)
            case Resample():
                self._resample(group)
            case OwnPrompt(text):
                self._supply.put_back(group)
                if again is not None:  # or it would come before the prompt they asked for
                    self._keep_again(again, None)
                self._supply.own(text)
            case Tune() as change:
                self._supply.put_back(group)
                self._updates.tune(change)
            case Save():
                self._supply.put_back(group)
                self._engine.submit(self._updates.save)
            case Quit():
                self._supply.put_back(group)
                return False
        return True

    # --- judgements ----------------------------------------------------------------------------

    def _desk(self, group: Group) -> Desk:
        self._supply.show(group.key)
        draft = self._journal.draft(group.key)
        size = len(group.completions)
        if draft is None:  # an empty one says that the group was on the screen
            self._write_draft(group.key, ("",) * size)
        order = display_order(self._config.seed, group.key, size)
        return Desk(
            group=group,
            mode=Mode(self._config.mode),
            shown=order if self._shuffle else tuple(range(size)),
            batch_labels=self._updates.waiting_labels(),
            batch_size=None if self._config.label_only else self._config.batch_size,
            ready=self._supply.ready,
            draft=Draft.read(draft, size) if draft is not None else None,
            save_draft=lambda draft: self._drafts.keep(group.key, draft.strings),
            inspect=lambda: self._inspect(group),
            contrast=self._study.contrast,
            record=self._record,
        )

    def _again(self, judged: JudgedGroup) -> Desk:
        """A group that was judged before, as if it were new; its places are mixed anew."""
        desk = self._desk(judged.group)
        order = display_order(self._config.seed + 1, judged.group.key, len(desk.shown))
        return replace(
            desk,
            shown=order if self._shuffle else desk.shown,
            draft=None,
            save_draft=lambda draft: None,
        )

    def _keep_again(self, again: JudgedGroup, judgement: Judgement | None) -> None:
        try:
            agreement = self._repeats.keep(again, judgement)
        except JournalError as error:
            self._operator.notify(Notice(error.said, "error"))
            return
        if judgement is not None:
            self._operator.notify(Rejudged(judgement, agreement))

    def _record(self, kind: str, data: dict[str, Any]) -> bool:
        try:
            self._journal.event(kind, data)
        except JournalError as error:
            self._operator.notify(Notice(error.said, "error"))
            return False
        return True

    def _inspect(self, group: Group) -> None:
        """Looks at a group's tokens in the engine's thread; called from the operator's."""

        def look(engine: Engine) -> None:
            self._operator.notify(Inspected(group.key, engine.inspect(group)))

        self._looks.append(self._engine.submit(look))

    def _write_draft(self, key: tuple[int, int], strings: tuple[str, ...]) -> None:
        """A convenience, not worth a session: a full disk shows when the judgement is kept."""
        with contextlib.suppress(JournalError):
            self._journal.save_draft(key, strings)

    def _keep(self, group: Group, judgement: Judgement) -> bool:
        """Journal first, acknowledge after. A journal that cannot be written loses nothing but
        the moment: the group comes again."""
        try:
            self._journal.append(judgement)
        except JournalError as error:
            self._operator.notify(Notice(error.said, "error"))
            self._supply.put_back(group)
            return False
        rewards = rewards_of(judgement, len(group.completions))
        self._operator.notify(Judged(judgement, rewards, self._updates.waiting_labels()))
        return True

    def _undo(self, group: Group) -> None:
        self._supply.put_back(group)
        try:
            if self._repeats.take_back():
                text = Sentence("taken back: the group that was shown again comes again")
                self._operator.notify(Notice(text))
                return
            last = self._journal.last_judged()
            if last is None:
                self._operator.notify(Notice(Sentence("nothing to undo yet")))
            else:
                too_late = Sentence("already trained: the last judgement is in the weights")
                self._reopen(last, too_late)
        except JournalError as error:
            self._operator.notify(Notice(error.said, "error"))

    def _take_back(self, group: Group, judgement_id: int, now: bool) -> None:
        self._supply.put_back(group)
        try:
            judged = self._journal.find(judgement_id)
            if judged is None:
                self._operator.notify(Notice(Sentence("this judgement was taken back already")))
            else:
                too_late = Sentence("already trained: the judgement is in the weights")
                self._reopen(judged, too_late, now=now)
        except JournalError as error:
            self._operator.notify(Notice(error.said, "error"))

    def _reopen(self, judged: JudgedGroup, too_late: Sentence, *, now: bool = True) -> None:
        if judged.id in self._updates.given_away():
            self._operator.notify(
                Notice(Sentence("too late: its batch is full and goes into the next update"))
            )
            return
        if judged.id not in {waiting.id for waiting in self._updates.waiting()}:
            self._operator.notify(Notice(too_late))
            return
        self._journal.undo(judged.id)
        before = Draft.of(judged.judgement, len(judged.group.completions))
        self._write_draft(judged.group.key, before.strings)
        if now:
            self._supply.put_back(judged.group)
        else:
            self._supply.put_last(judged.group)
        self._operator.notify(Undone(judged.judgement, self._updates.waiting_labels()))

    def _resample(self, group: Group) -> None:
        """Other completions of the same prompt; what was on screen stays in the journal."""
        self._journal.drop_group(group.key, "resampled")
        self._supply.again(group.prompt)

    def _say_waiting(self, key: tuple[int, int] | None) -> None:
        self._operator.notify(Waiting("update" if self._updates.at_work else "sample", key))

    def _raise_background_errors(self) -> None:
        self._study.raise_errors()
        while self._looks and self._looks[0].done():
            self._looks.popleft().result()
        self._updates.settle()


def display_order(seed: int, key: tuple[int, int], size: int) -> tuple[int, ...]:
    """Completion index in each place, (size,): keyed by run and group, so that a group which comes
    again lies as it lay."""

    def chance(index: int) -> bytes:
        keyed = f"{seed} shown {key} {index}".encode()
        return hashlib.blake2b(keyed, digest_size=8).digest()

    return tuple(sorted(range(size), key=chance))

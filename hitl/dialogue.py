"""A dialogue: draw prompts -> sample -> ask the operator -> journal -> rewards -> update -> save.

Several operators may each have one at the same run, in threads of their own: each has a seat at the
supply, and they take turns at doing what was said.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from hitl.drafts import Drafts
from hitl.engine import Engine
from hitl.journal import JournalError
from hitl.open_run import OpenRun
from hitl.operator import (
    Desk,
    Draft,
    Inspected,
    Judged,
    Notice,
    Operator,
    OwnPrompt,
    Quit,
    Rejudged,
    Reply,
    Resample,
    Save,
    TakeBack,
    Undo,
    Undone,
    Waiting,
)
from hitl.records import Group, JudgedGroup, Judgement, Mode
from hitl.repeats import Repeats
from hitl.rewards import rewards_of
from hitl.study import Study
from hitl.supply import Seat
from hitl.tuning import Tune
from hitl.wording import Sentence


class Dialogue:
    """One operator's, at one run that is open."""

    def __init__(
        self, run: OpenRun, operator: Operator, gone: Callable[[], bool] = lambda: False
    ) -> None:
        """Takes a seat; `close` leaves it. `gone` is asked while a group is waited for: whether
        there is nobody left to wait."""
        self._run = run
        self._config = run.config
        self._journal = run.journal
        self._supply = run.supply
        self._updates = run.updates
        self._operator = operator
        self._seat = Seat(operator.name, self._say_waiting, gone)
        run.supply.sit(self._seat)
        self._repeats = Repeats(
            run.journal, run.config.seed, Mode(run.config.mode), operator.name, run.again
        )
        self._study = Study(run.engine, run.prompt, run.config.seed, operator.notify)
        self._drafts = Drafts(self._write_draft)
        self._looks: deque[Future[None]] = deque()
        self._entered_again: Draft | None = None
        """For a group that is shown again: the journal keeps no draft of it."""

    def close(self) -> None:
        """What was entered is written down, and what lay before the operator goes back."""
        self._drafts.close()
        self._supply.leave(self._seat)

    def claim(self, key: tuple[int, int]) -> bool:
        """Has a group come next that lay before the operator when they were cut off; False when it
        is there no more."""
        return self._supply.claim(self._seat, key)

    def step(self) -> bool:
        """One thing the operator says; False when they leave."""
        self._raise_background_errors()
        group = self._supply.next(self._seat)
        if group is None:
            return False
        again = self._repeats.due()
        desk = self._desk(group) if again is None else self._again(again)
        try:
            reply = self._operator.judge(desk)
        except BaseException:
            self._put_back(group)
            raise
        self._drafts.settle()
        with self._run.turn:
            return self._carry_out(reply, group, again)

    def _carry_out(self, reply: Reply, group: Group, again: JudgedGroup | None) -> bool:
        if again is not None and isinstance(reply, Judgement | Resample):
            self._put_back(group)
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
                self._put_back(group)
                if again is not None:  # or it would come before the prompt they asked for
                    self._keep_again(again, None)
                self._supply.own(self._seat, text)
            case Tune() as change:
                self._put_back(group)
                self._updates.tune(change)
            case Save():
                self._put_back(group)
                self._run.engine.submit(self._updates.save)
            case Quit():
                self._put_back(group)
                return False
        return True

    # --- judgements ----------------------------------------------------------------------------

    def _desk(self, group: Group) -> Desk:
        theirs = self._supply.show(self._seat, group.key)
        draft = self._journal.draft(group.key) if theirs else None
        size = len(group.completions)
        if draft is None:  # an empty one says that the group was on the screen
            self._write_draft(group.key, ("",) * size)
        order = display_order(self._config.seed, group.key, size)
        return Desk(
            group=group,
            mode=Mode(self._config.mode),
            shown=order if self._run.shuffle else tuple(range(size)),
            batch_labels=self.waiting_labels(),
            batch_size=None if self._config.label_only else self._config.batch_size,
            ready=self._supply.ready(self._seat),
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
        self._entered_again = None

        def keep(draft: Draft) -> None:
            self._entered_again = draft

        return replace(
            desk,
            shown=order if self._run.shuffle else desk.shown,
            draft=None,
            save_draft=keep,
        )

    def _keep_again(self, again: JudgedGroup, judgement: Judgement | None) -> None:
        if judgement is None:
            self._say_dropped(self._entered_again)
        try:
            agreement = self._repeats.keep(again, judgement)
        except JournalError as error:
            self._say_lost(error)
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

        self._looks.append(self._run.engine.submit(look))

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
            self._say_lost(error)
            self._put_back(group)
            return False
        rewards = rewards_of(judgement, len(group.completions))
        self._operator.notify(Judged(judgement, rewards, self._updates.waiting_labels()))
        return True

    def _undo(self, group: Group) -> None:
        self._put_back(group)
        try:
            if self._repeats.take_back():
                text = Sentence("taken back: the group that was shown again comes again")
                self._operator.notify(Notice(text))
                return
            last = self._journal.last_judged(self._operator.name)
            if last is None:
                self._operator.notify(Notice(Sentence("nothing to undo yet")))
            else:
                too_late = Sentence("already trained: the last judgement is in the weights")
                self._reopen(last, too_late)
        except JournalError as error:
            self._say_lost(error)

    def _take_back(self, group: Group, judgement_id: int, now: bool) -> None:
        self._put_back(group)
        try:
            judged = self._journal.find(judgement_id)
            if judged is None:
                self._operator.notify(Notice(Sentence("this judgement was taken back already")))
            else:
                too_late = Sentence("already trained: the judgement is in the weights")
                self._reopen(judged, too_late, now=now)
        except JournalError as error:
            self._say_lost(error)

    def _reopen(self, judged: JudgedGroup, too_late: Sentence, *, now: bool = True) -> None:
        if judged.id in self._updates.given_away():
            self._operator.notify(
                Notice(Sentence("too late: its batch is full and goes into the next update"))
            )
            return
        if judged.id not in {waiting.id for waiting in self._updates.waiting()}:
            if self._journal.is_set_aside(judged.id):
                too_late = Sentence("set aside: no update will learn from it")
            self._operator.notify(Notice(too_late))
            return
        self._journal.undo(judged.id)
        self._supply.show(self._seat, judged.group.key)
        before = Draft.of(judged.judgement, len(judged.group.completions))
        self._write_draft(judged.group.key, before.strings)
        if now:
            self._put_back(judged.group)
        else:
            self._supply.put_last(judged.group)
        self._operator.notify(Undone(judged.judgement, self._updates.waiting_labels()))

    def _resample(self, group: Group) -> None:
        """Other completions of the same prompt; what was on screen stays in the journal."""
        try:
            entered = self._journal.draft(group.key)
            self._journal.drop_group(group.key, "resampled")
        except JournalError as error:
            self._say_lost(error)
            self._put_back(group)
            return
        if entered is not None:
            self._say_dropped(Draft.read(entered, len(group.completions)))
        self._supply.again(self._seat, group.prompt)

    def _say_lost(self, error: JournalError) -> None:
        self._operator.notify(Notice(error.said, "error", lost=True))

    def _say_dropped(self, draft: Draft | None) -> None:
        """What was remarked of texts that nobody judges goes with them, but not without a word."""
        if draft is not None and (remarks := draft.remarks):
            self._operator.notify(
                Notice(Sentence("dropped with the old texts: {remarks}", remarks=remarks))
            )

    def _say_waiting(self, key: tuple[int, int] | None) -> None:
        self._operator.notify(Waiting(self._run.at_work(), key))

    def _put_back(self, group: Group) -> None:
        self._supply.put_back(self._seat, group)

    def waiting_labels(self) -> int:
        """In what waits for the updates after the one that runs."""
        with self._run.turn:
            return self._updates.waiting_labels()

    def _raise_background_errors(self) -> None:
        self._study.raise_errors()
        while self._looks and self._looks[0].done():
            self._looks.popleft().result()
        with self._run.turn:
            self._updates.settle()


def display_order(seed: int, key: tuple[int, int], size: int) -> tuple[int, ...]:
    """Completion index in each place, (size,): keyed by run and group, so that a group which comes
    again lies as it lay."""

    def chance(index: int) -> bytes:
        keyed = f"{seed} shown {key} {index}".encode()
        return hashlib.blake2b(keyed, digest_size=8).digest()

    return tuple(sorted(range(size), key=chance))

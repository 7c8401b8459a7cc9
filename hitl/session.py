"""The session: draw prompts -> sample -> ask the operator -> journal -> rewards -> update -> save.

It knows an engine and an operator by their protocols only. With `ahead` 0 everything happens in
order and a run repeats bit for bit; with more, groups are sampled and updates made in the engine's
thread while the operator reads, and the journal records which policy sampled what.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from dataclasses import replace
from typing import Any

from hitl.checkpoints import CheckpointError, Checkpoints
from hitl.config.session import SessionConfig
from hitl.drafts import Drafts
from hitl.engine import BrokenOffError, Engine, EngineThread, UpdateRefusedError
from hitl.faultpoints import reach
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
    Saved,
    TakeBack,
    Tuned,
    Undo,
    Undone,
    Updated,
    Waiting,
)
from hitl.records import Group, JudgedGroup, Judgement, Mode, Prompt, StepOptions, UpdateStats
from hitl.repeats import Repeats
from hitl.rewards import labelled, rewards_of
from hitl.study import Study
from hitl.supply import Supply
from hitl.tuning import KIND, Tune, Tuning, tuning_of, warmed_up
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
        self._checkpoints = checkpoints
        self._engine = engine
        self._operator = operator
        self._ahead = ahead
        self._supply = Supply(
            config,
            journal,
            engine,
            prompt,
            ahead,
            self._say_waiting,
            lambda groups: operator.notify(Ready(groups)),
        )
        self._shuffle = shuffle
        self._repeats = Repeats(journal, config.seed, Mode(config.mode), operator.name, again)
        self._study = Study(engine, prompt, config.seed, operator.notify)
        self._drafts = Drafts(self._write_draft)
        self._looks: deque[Future[None]] = deque()
        self._training: Future[None] | None = None
        self._in_training: tuple[JudgedGroup, ...] = ()
        self._tuning = Tuning(config.step_options)

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
            self._finish_training()
            self._engine.submit(self._save).result()

    def _take_up(self) -> None:
        """The policy and the groups as the journal has them."""
        self._operator.notify(Waiting("load"))
        restored = self._engine.submit(self._restore)
        while not wait([restored], LOOK_S).done:
            if self._operator.leaving and not self._engine.made:
                return  # nothing has changed, and no import can be broken off
        restored.result()
        if self._operator.leaving:
            return
        self._supply.take_up()
        changes = [e.data for e in self._journal.events() if e.kind == KIND]
        self._tuning = tuning_of(self._config.step_options, changes)
        if changes:
            self._operator.notify(Tuned(self._tuning))
        self._train_if_full()

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
                    self._train_if_full()
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
                self._tune(change)
            case Save():
                self._supply.put_back(group)
                self._engine.submit(self._save)
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
            batch_labels=self._waiting_labels(),
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
        self._operator.notify(Judged(judgement, rewards, self._waiting_labels()))
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
        if judged.id in self._given_to_updates():
            self._operator.notify(
                Notice(Sentence("too late: its batch is full and goes into the next update"))
            )
            return
        if judged.id not in {waiting.id for waiting in self._waiting()}:
            self._operator.notify(Notice(too_late))
            return
        self._journal.undo(judged.id)
        before = Draft.of(judged.judgement, len(judged.group.completions))
        self._write_draft(judged.group.key, before.strings)
        if now:
            self._supply.put_back(judged.group)
        else:
            self._supply.put_last(judged.group)
        self._operator.notify(Undone(judged.judgement, self._waiting_labels()))

    def _resample(self, group: Group) -> None:
        """Other completions of the same prompt; what was on screen stays in the journal."""
        self._journal.drop_group(group.key, "resampled")
        self._supply.again(group.prompt)

    def _say_waiting(self, key: tuple[int, int] | None) -> None:
        training = self._training is not None and not self._training.done()
        self._operator.notify(Waiting("update" if training else "sample", key))

    def _waiting(self) -> list[JudgedGroup]:
        """Judgements for the updates after the one that runs, oldest first."""
        running = {judged.id for judged in self._in_training}
        return [judged for judged in self._journal.pending() if judged.id not in running]

    def _given_to_updates(self) -> set[int]:
        """Judgements in full batches that wait for the update that runs. They are as good as
        trained: were they not, it would hang on the engine's pace what an undo reaches, and with it
        what the next batches are made of."""
        if self._config.label_only or self._tuning.paused:
            return set()
        return {
            j.id for batch in full_batches(self._waiting(), self._config.batch_size) for j in batch
        }

    def _waiting_labels(self) -> int:
        return self._journal.pending_labels([judged.id for judged in self._in_training])

    def _tune(self, change: Tune) -> None:
        """Journal first, as with a judgement."""
        try:
            self._journal.event(KIND, change.to_json())
        except JournalError as error:
            self._operator.notify(Notice(error.said, "error"))
            return
        self._tuning = self._tuning.after(change)
        self._operator.notify(Tuned(self._tuning))
        self._train_if_full()

    # --- updates -------------------------------------------------------------------------------

    def _train_if_full(self) -> None:
        """Starts an update when a batch is full; waits for it only with nothing ahead. While one
        runs no other is begun: `step` sees to that when it is done, and a resume after leaving. So
        no two can end while one group lies on the screen."""
        if self._config.label_only or self._tuning.paused:
            return
        while self._waiting_labels() >= self._config.batch_size:
            if self._ahead and self._training is not None and not self._training.done():
                return
            self._finish_training()
            batch = oldest_batch(self._waiting(), self._config.batch_size)
            self._in_training = tuple(batch)
            train = functools.partial(self._train, batch, self._tuning.options)
            self._training = self._engine.submit(train)
            if self._ahead:
                return
            self._operator.notify(Waiting("update"))
            self._finish_training()

    def _train(self, batch: Sequence[JudgedGroup], options: StepOptions, engine: Engine) -> None:
        """Update, journal, checkpoint, in this order (engine's thread)."""
        number = self._journal.last_update() + 1
        ids = [judged.id for judged in batch]
        options = warmed_up(options, number, self._config.warmup)
        reach("update:begin")
        try:
            stats = engine.update(number, [labelled(j.group, j.judgement) for j in batch], options)
        except UpdateRefusedError as error:
            self._journal.set_aside(ids, str(error))
            self._operator.notify(
                Notice(
                    Sentence(
                        "{what}: its labels are kept, and learned from no more", what=error.said
                    ),
                    "error",
                )
            )
            return
        reach("update:learned")
        self._supply.learned(number)
        self._journal.record_update(stats, ids)
        self._operator.notify(Updated(stats, self._journal.pending_labels()))
        if number % self._config.save_steps == 0:
            self._save(engine)
        self._supply.refresh(engine)

    def _finish_training(self) -> None:
        if self._training is not None:
            self._training.result()
        self._training, self._in_training = None, ()

    def _raise_background_errors(self) -> None:
        self._study.raise_errors()
        while self._looks and self._looks[0].done():
            self._looks.popleft().result()
        if self._training is not None and self._training.done():
            self._finish_training()
            self._train_if_full()  # a resume may have found two batches

    def _save(self, engine: Engine) -> None:
        """Writes a checkpoint of the current version unless it is there (engine's thread)."""
        if engine.version == 0:  # the journal is all there is
            self._operator.notify(Saved(0))
            return
        try:
            self._checkpoints.commit(engine.version, engine.save)
        except CheckpointError as error:  # the journal has everything: go on without
            self._operator.notify(Notice(error.said, "error"))
            return
        self._operator.notify(Saved(engine.version))

    def _restore(self, engine: Engine) -> None:
        """Newest intact checkpoint, then the journal's updates after it, made again and saved."""
        last = self._journal.last_update()
        self._checkpoints.discard_after(last)
        found = self._checkpoints.newest_intact(
            lambda path, why: self._operator.notify(
                Notice(
                    Sentence("checkpoint {name} skipped: {why}", name=path.name, why=why), "warning"
                )
            )
        )
        if found is not None:
            engine.load(found[1])
        reach("resume:loaded")
        before = engine.version
        recorded: dict[int, UpdateStats] = {s.number: s for s in self._journal.updates()}
        for number in range(engine.version + 1, last + 1):
            if self._operator.leaving:
                break
            said = Sentence("making update {number} again from the journal", number=number)
            self._operator.notify(Notice(said))
            batch = self._journal.update_batch(number)
            labels = [labelled(j.group, j.judgement) for j in batch]
            stats = engine.update(number, labels, recorded[number].options)
            reach("resume:remade")
            if stats.digest != recorded[number].digest:
                self._operator.notify(
                    Notice(
                        Sentence(
                            "update {number} came out different in the last digits from when it "
                            "was first made: another machine or library version",
                            number=number,
                        ),
                        "warning",
                    )
                )
        self._supply.learned(engine.version)
        if engine.version > before:  # the next start shall not have to make them once more
            self._save(engine)


def display_order(seed: int, key: tuple[int, int], size: int) -> tuple[int, ...]:
    """Completion index in each place, (size,): keyed by run and group, so that a group which comes
    again lies as it lay."""

    def chance(index: int) -> bytes:
        keyed = f"{seed} shown {key} {index}".encode()
        return hashlib.blake2b(keyed, digest_size=8).digest()

    return tuple(sorted(range(size), key=chance))


def oldest_batch(pending: Sequence[JudgedGroup], size: int) -> list[JudgedGroup]:
    """The oldest judgements that hold `size` labels, skips among them included; all while there
    are fewer. A function of their order alone, so a run resumed makes the same batches."""
    batch, labels = [], 0
    for judged in pending:
        batch.append(judged)
        labels += judged.judgement.labels
        if labels >= size:
            break
    return batch


def full_batches(pending: Sequence[JudgedGroup], size: int) -> list[list[JudgedGroup]]:
    """The batches of at least `size` labels that updates will take one after the other."""
    batches: list[list[JudgedGroup]] = []
    while True:
        batch = oldest_batch(pending, size)
        if sum(judged.judgement.labels for judged in batch) < size:
            return batches
        batches.append(batch)
        pending = pending[len(batch) :]

"""The updates of a run: begun when a batch is full, saved when they are made, made again on a
resume when their checkpoint is lost.

With nothing ahead an update is waited for; else it runs in the engine's thread while the operator
judges on. What it learns from hangs on what was said and in which order, not on the engine's pace:
see `given_away`.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future

from hitl import tuning
from hitl.checkpoints import CheckpointError, Checkpoints
from hitl.config.session import SessionConfig
from hitl.engine import Engine, EngineThread, UpdateRefusedError
from hitl.faultpoints import reach
from hitl.journal import Journal, JournalError
from hitl.operator import Listener, Notice, Saved, Tuned, Updated, Waiting
from hitl.records import JudgedGroup, StepOptions, UpdateStats
from hitl.rewards import labelled
from hitl.supply import Supply
from hitl.wording import Sentence


class Updates:
    """Of one run; used by one thread at a time, but for what says that it is the engine's."""

    def __init__(
        self,
        config: SessionConfig,
        journal: Journal,
        checkpoints: Checkpoints,
        engine: EngineThread,
        listener: Listener,
        supply: Supply,
        *,
        wait: bool,
    ) -> None:
        """`wait`: the session stands still while an update is made."""
        self._config = config
        self._journal = journal
        self._checkpoints = checkpoints
        self._engine = engine
        self._listener = listener
        self._supply = supply
        self._wait = wait
        self._running: Future[None] | None = None
        self._awaited = False
        self._learned: tuple[JudgedGroup, ...] = ()
        self._given: deque[tuple[list[JudgedGroup], StepOptions]] = deque()
        self._changes: list[tuning.Change] = []
        self._digests: dict[int, str] = {}
        """As recorded, by number (engine's thread)."""

    @property
    def at_work(self) -> bool:
        """Whether an update runs."""
        return self._running is not None and not self._running.done()

    def take_up(self) -> None:
        """The options as they were changed before, and the update that was not begun."""
        events = [event for event in self._journal.events() if event.kind == tuning.KIND]
        self._changes = [tuning.Change.from_json(event.data) for event in events]
        if self._changes:
            self._listener.notify(Tuned(self._tuning))
        self.begin_if_full()

    @property
    def _tuning(self) -> tuning.Tuning:
        return tuning.tuning_of(self._config.step_options, self._changes)

    def waiting(self) -> list[JudgedGroup]:
        """Judgements for the updates after the one that runs, oldest first."""
        running = {judged.id for judged in self._learned}
        return [judged for judged in self._journal.pending() if judged.id not in running]

    def given_away(self) -> set[int]:
        """Judgements in full batches that wait for the update that runs. They are as good as
        trained: were they not, it would hang on the engine's pace what an undo reaches, and with it
        what the next batches are made of."""
        return {judged.id for batch, _ in self._given for judged in batch}

    def waiting_labels(self) -> int:
        """In what waits for the updates after the one that runs."""
        return self._journal.pending_labels([judged.id for judged in self._learned])

    def tune(self, change: tuning.Tune) -> None:
        """Journal first, as with a judgement."""
        try:
            last = self._journal.last_judged()
            made = tuning.Change(change, 0 if last is None else last.id)
            self._journal.event(tuning.KIND, made.to_json())
        except JournalError as error:
            self._listener.notify(Notice(error.said, "error"))
            return
        self._changes.append(made)
        self._listener.notify(Tuned(self._tuning))
        self.begin_if_full()

    def begin_if_full(self) -> None:
        """Gives each full batch away, unless training is paused, and begins what can be begun."""
        if self._config.label_only:
            return
        given = self.given_away()
        waiting = [judged for judged in self.waiting() if judged.id not in given]
        for batch in full_batches(waiting, self._config.batch_size):
            options = tuning.options_when_full(
                self._config.step_options, self._changes, batch[-1].id
            )
            if options is None:
                break
            self._given.append((batch, options))
        self._begin()

    def _begin(self) -> None:
        """Starts the next update; waits for it only with nothing ahead. While one runs no other is
        begun: `settle` sees to that when it is done, and a resume after leaving. So no two can end
        while one group lies on the screen."""
        while self._given and (self._wait or not self.at_work):
            self.finish()
            batch, options = self._given.popleft()
            self._learned = tuple(batch)
            train = functools.partial(self._train, batch, options)
            self._running = self._engine.submit(train, behind=True)
            if self._wait:
                self._listener.notify(Waiting("update"))
                self.finish()

    def _train(self, batch: Sequence[JudgedGroup], options: StepOptions, engine: Engine) -> None:
        """Update, journal, checkpoint, in this order (engine's thread)."""
        number = self._journal.last_update() + 1
        ids = [judged.id for judged in batch]
        config = self._config
        options = tuning.in_effect(options, number, config.batch_size, config.warmup)
        reach("update:begin")
        try:
            labels = [labelled(j.group, j.judgement) for j in batch]
            stats = engine.update(number, labels, options, self._hurried)
        except UpdateRefusedError as error:
            self._journal.set_aside(ids, str(error))
            self._listener.notify(
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
        self._digests[number] = stats.digest
        self._listener.notify(Updated(stats, self._journal.pending_labels()))
        if number % self._config.save_steps == 0:
            self.save(engine)
        self._supply.refresh(engine)

    def _hurried(self) -> bool:
        """Whether somebody waits while an update goes on by itself (engine's thread). With nothing
        ahead they wait for the whole of it, so that the run repeats."""
        if self._wait:
            return False
        return self._awaited or self._engine.awaited or self._supply.waited_for()

    def finish(self) -> None:
        """Waits for the update that runs; raises what it failed with."""
        if self._running is not None:
            self._awaited = True
            self._running.result()
            self._awaited = False
        self._running, self._learned = None, ()

    def settle(self) -> None:
        """Begins what waited for an update that is done; raises what that failed with."""
        if self._running is not None and self._running.done():
            self.finish()
            self._begin()

    def save(self, engine: Engine) -> None:
        """Writes a checkpoint of the current version unless it is there (engine's thread)."""
        if engine.version == 0:  # the journal is all there is
            self._listener.notify(Saved(0))
            return
        try:
            after = self._digests.get(engine.version, "")
            self._checkpoints.commit(engine.version, engine.save, after)
        except CheckpointError as error:  # the journal has everything: go on without
            self._listener.notify(Notice(error.said, "error"))
            return
        self._listener.notify(Saved(engine.version))

    def restore(self, engine: Engine) -> None:
        """Newest intact checkpoint of the journal's branch, then the updates after it, made again
        and saved (engine's thread)."""
        last = self._journal.last_update()
        self._checkpoints.discard_after(last)
        recorded: dict[int, UpdateStats] = {s.number: s for s in self._journal.updates()}
        self._digests = {number: stats.digest for number, stats in recorded.items()}
        found = self._checkpoints.newest_intact(
            lambda path, why: self._listener.notify(
                Notice(
                    Sentence("checkpoint {name} skipped: {why}", name=path.name, why=why), "warning"
                )
            ),
            updates=self._digests,
        )
        if found is not None:
            engine.load(found[1])
        reach("resume:loaded")
        before = engine.version
        for number in range(engine.version + 1, last + 1):
            if self._listener.leaving:
                break
            said = Sentence("making update {number} again from the journal", number=number)
            self._listener.notify(Notice(said))
            batch = self._journal.update_batch(number)
            labels = [labelled(j.group, j.judgement) for j in batch]
            stats = engine.update(number, labels, recorded[number].options)
            reach("resume:remade")
            if stats.digest != recorded[number].digest:
                self._listener.notify(
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
            self.save(engine)


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

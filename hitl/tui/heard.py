"""What the session told so far, as the figures the screen shows."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hitl.blind import Outcome
from hitl.operator import (
    Contrasted,
    Desk,
    Event,
    Judged,
    Notice,
    Progress,
    Ready,
    Saved,
    Tuned,
    Undone,
    Updated,
    Waiting,
)
from hitl.records import Judgement, UpdateStats
from hitl.tui.widgets.status import Status
from hitl.wording import Translator

NOTICE_SECONDS = 20.0
"""A notice stays at least so long, and until another group is judged."""

SPEED_GROUPS = 10
"""Groups the speed of sampling is the mean of."""

PACE_GROUPS = 20
"""Groups the pace is the mean of."""


@dataclass(frozen=True, slots=True)
class Told:
    """A notice. `at` is the clock's seconds."""

    at: float
    text: str
    level: str


class Heard:
    """Listens to the session; knows no widget."""

    def __init__(
        self,
        status: Status,
        updates: Sequence[UpdateStats],
        clock: Callable[[], float],
        checkpoint_age: float | None = None,
    ) -> None:
        """`checkpoint_age` is that of the newest one, seconds; None without one."""
        self._clock = clock
        self._status = status
        self._stage_since: tuple[str, float, int] | None = None
        self._saved_at = None if checkpoint_age is None else clock() - checkpoint_age
        self._paced: list[tuple[float, int]] = []
        self._sampled: deque[float] = deque(maxlen=SPEED_GROUPS)
        self.waiting: tuple[str, float] | None = ("load", clock())
        """Why there is no group, and since when."""
        self.updates: list[UpdateStats] = list(updates)
        self.recent: list[Judgement] = []
        """The last judgements, oldest first."""
        self.notices: list[Told] = []
        """Warnings and errors, the newest last; each once."""
        self.contrasts: dict[int, Contrasted] = {}
        """By number; the last of each."""
        self.blind: tuple[int, tuple[Outcome, ...]] | None = None
        """The blind test that is being made: its number, and the answers so far."""

    def asked(self, desk: Desk) -> None:
        """A group lies there."""
        self.waiting = None
        if self._status.stage == "load":
            self._status = replace(self._status, stage="", done=0, total=0)
        self._status = replace(
            self._status,
            ready=desk.ready,
            batch_labels=desk.batch_labels,
            batch_size=desk.batch_size,
        )

    def told(self, event: Event) -> None:
        """Something happened."""
        match event:
            case Waiting(reason):
                if self.waiting is None or self.waiting[0] != reason:
                    self.waiting = (reason, self._clock())
            case Progress(stage, done, total):
                self._progress(stage, done, total)
            case Ready(groups):
                self._status = replace(self._status, ready=groups)
            case Judged(judgement, _, batch_labels):
                self._status = replace(self._status, batch_labels=batch_labels)
                self.recent.append(judgement)
                self._paced.append((judgement.seconds, judgement.labels))
                self._drop_old_notices()
            case Undone(_, batch_labels):
                self._status = replace(self._status, batch_labels=batch_labels)
                # A judgement of an earlier session is in neither.
                del self.recent[-1:], self._paced[-1:]
            case Updated(stats, batch_labels):
                self._updated(stats, batch_labels)
            case Saved(version):
                if version > 0:  # before the first update the journal is all there is
                    self._saved_at = self._clock()
                self._progress("save", 1, 1)
            case Contrasted(number):
                self.contrasts[number] = event
            case Tuned(tuning):
                self._status = replace(self._status, paused=tuning.paused)
            case Notice(text, level) if level != "info":
                self._warned(text, level)

    @property
    def status(self) -> Status:
        """As of now: the time left of the stage and the age of the checkpoint run on."""
        now = self._clock()
        eta = None
        if self._stage_since is not None and self._status.total:
            _, since, first = self._stage_since
            done = self._status.done - first
            if done > 0:
                eta = (now - since) / done * (self._status.total - self._status.done)
        saved = None if self._saved_at is None else now - self._saved_at
        loads = self.waiting is not None and self.waiting[0] == "load"
        stage = self._status.stage or ("load" if loads else "")
        return replace(self._status, stage=stage, eta=eta, saved_age=saved)

    @property
    def left(self) -> float | None:
        """Seconds until a group is there, as far as that was measured; None when it was not."""
        if self.waiting is None or self.waiting[0] == "load":
            return None
        sample = sum(self._sampled) / len(self._sampled) if self._sampled else None
        spent = 0.0
        if self._stage_since is not None:
            spent = self._clock() - self._stage_since[1]
        match self._status.stage:
            case "sample":
                return self.status.eta if sample is None else max(sample - spent, 0.0)
            case "update":
                learned = self.updates[-1].seconds if self.updates else None
                whole = None if learned is None else max(learned - spent, 0.0)
                rest = whole if self.status.eta is None else self.status.eta
                return None if rest is None else rest + (sample or 0.0)
            case _:
                return sample

    def pace(self, tr: Translator) -> str:
        """Labels a minute, and in all; "" before the first."""
        if not self._paced:
            return ""
        total = sum(labels for _, labels in self._paced)
        seconds = sum(seconds for seconds, _ in self._paced[-PACE_GROUPS:])
        labels = sum(labels for _, labels in self._paced[-PACE_GROUPS:])
        if not seconds > 0:
            return tr("{count} labels", count=total)
        rate = 60 * labels / seconds
        return tr("{rate:.0f} labels/min · {count} labels", rate=rate, count=total)

    @property
    def doing(self) -> str:
        """What the engine does, "" for nothing."""
        return self._status.stage

    def _progress(self, stage: str, done: int, total: int) -> None:
        over = 0 < total <= done
        if self.waiting is not None and self.waiting[0] != "load" and not over:
            self.waiting = stage, self.waiting[1]  # the session says only why the wait began
        if over:
            since = self._stage_since
            if stage == "sample" and since is not None and since[0] == stage:
                self._sampled.append(self._clock() - since[1])
                self._stage_since = None
            if self._status.stage in ("", stage):
                self._status = replace(self._status, stage="", done=0, total=0)
                self._stage_since = None
        else:
            if self._stage_since is None or self._stage_since[0] != stage:
                self._stage_since = (stage, self._clock(), done)
            self._status = replace(self._status, stage=stage, done=done, total=total)

    def _updated(self, stats: UpdateStats, batch_labels: int) -> None:
        self.updates.append(stats)
        self._status = replace(
            self._status,
            version=stats.number,
            batch_labels=batch_labels,
            stage="",
            done=0,
            total=0,
        )
        self._stage_since = None
        for text in stats.notices:
            self._warned(text, "warning")

    def _warned(self, text: str, level: str) -> None:
        """Said again, it is the newest, and still one."""
        others = [told for told in self.notices if told.text != text]
        self.notices = [*others, Told(self._clock(), text, level)]

    def _drop_old_notices(self) -> None:
        now = self._clock()
        self.notices = [told for told in self.notices if now - told.at < NOTICE_SECONDS]

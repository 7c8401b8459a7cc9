"""An operator at the other end of a connection, as a dialogue at the host sees them."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from dataclasses import replace

from hitl import blind
from hitl.host.messages import (
    Answer,
    Asked,
    Contrast,
    Entered,
    Happened,
    Hello,
    Inspect,
    Record,
    Recorded,
    Said,
    Told,
)
from hitl.host.wire import WireError
from hitl.operator import Desk, Event, Judged, Partial, Quit, Reply, Waiting
from hitl.records import Edit, Group, Judgement, Ranking, Rejected, Scores, Skip, Verdict
from hitl.scale import Scale

MOST_CONTRASTS = 64
"""Texts that can be asked for at once."""


class RemoteOperator:
    """Implements hitl.operator.Operator. When the connection is lost they leave, and the group that
    lay before them goes back."""

    def __init__(
        self,
        name: str,
        scale: Scale,
        send: Callable[[Told], None],
        on_judged: Callable[[Judgement], None] = lambda judgement: None,
    ) -> None:
        """`send` is called from any thread and returns at once. `on_judged` is told what is in the
        journal."""
        self.name = name
        self._scale = scale
        self._send = send
        self._on_judged = on_judged
        self._replies: queue.SimpleQueue[Reply] = queue.SimpleQueue()
        self._gone = threading.Event()
        self._carried: Judgement | None = None
        self._awaited: Waiting | None = None
        self._lock = threading.Lock()  # guards the two below
        self._desk: Desk | None = None
        self._desks = 0

    @property
    def leaving(self) -> bool:
        """Whether they are gone."""
        return self._gone.is_set()

    def carry(self, judgement: Judgement) -> None:
        """What they had said of a group before they were cut off: the reply when it lies there."""
        self._carried = judgement

    def judge(self, desk: Desk) -> Reply:
        """See Operator; called by the dialogue's thread."""
        self._awaited = None
        with self._lock:
            self._desk, self._desks = desk, self._desks + 1
            number = self._desks
        carried, self._carried = self._carried, None
        if carried is not None and carried.group == desk.group.key:
            with contextlib.suppress(WireError):  # then they are asked once more
                return self._checked(carried, desk)
        if self.leaving:
            return Quit()
        self._send(
            Asked(
                desk=number,
                group=desk.group,
                mode=desk.mode,
                shown=desk.shown,
                batch_labels=desk.batch_labels,
                batch_size=desk.batch_size,
                ready=desk.ready,
                draft=desk.draft,
            )
        )
        return self._replies.get()

    def notify(self, event: Event) -> None:
        """See Operator. Unfinished completions are for those who wait for them."""
        if isinstance(event, Waiting):
            self._awaited = event
        elif isinstance(event, Partial):
            awaited = self._awaited
            if awaited is None or awaited.group not in (None, event.group):
                return
        self._send(Happened(event))
        if isinstance(event, Judged):
            self._on_judged(event.judgement)

    def heard(self, said: Said) -> None:
        """What came over the connection. Raises WireError for what makes no sense now."""
        with self._lock:
            desk, number = self._desk, self._desks
        if isinstance(said, Hello):
            raise WireError("somebody who has joined joins")
        if desk is None or said.desk != number:
            if isinstance(said, Answer):
                raise WireError("an answer is of no group that lies before the operator")
            return  # it was on its way when the desk was answered
        match said:
            case Answer(_, reply):
                with self._lock:
                    self._desk = None
                checked = self._checked(reply, desk) if isinstance(reply, Judgement) else reply
                self._replies.put(checked)
            case Entered(_, draft):
                if len(draft.entries) != len(desk.group.completions):
                    raise WireError("a draft has not one entry a completion")
                desk.save_draft(draft)
            case Inspect():
                desk.inspect()
            case Contrast(_, numbers):
                if len(numbers) > MOST_CONTRASTS or not all(0 < n < 2**31 for n in numbers):
                    raise WireError("texts are asked for that there are not")
                desk.contrast(numbers)

            case Record(_, data):
                self._send(Recorded(desk.record(blind.KIND, data)))

    def hang_up(self) -> None:
        """The connection is gone, or the host ends."""
        self._gone.set()
        self._replies.put(Quit())

    def _checked(self, judgement: Judgement, desk: Desk) -> Judgement:
        if judgement.group != desk.group.key or not judgement.seconds >= 0:
            raise WireError("a judgement is not of the group that lies before the operator")
        check_verdict(judgement.verdict, desk.group, self._scale)
        return replace(judgement, operator=self.name, mode=desk.mode, shown=desk.shown)


def check_verdict(verdict: Verdict, group: Group, scale: Scale) -> None:
    """Raises WireError for what no screen would have let pass."""
    size = len(group.completions)
    try:
        match verdict:
            case Scores(values) | Edit(rest=Scores(values)):
                fits = len(values) == size
                for value in values:
                    _ = value is None or scale.check(value)
            case Ranking(ranks) | Edit(rest=Ranking(ranks)):
                fits = len(ranks) == size and all(r is None or 1 <= r <= size for r in ranks)
            case Rejected(count):
                fits = count == size
            case Edit(text):
                fits = bool(text.strip())
            case Skip():
                fits = True
    except ValueError as error:
        raise WireError(str(error)) from error
    if not fits:
        raise WireError("a judgement does not fit the group it is of")

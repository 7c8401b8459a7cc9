"""The groups that lie ready: sampled ahead in the engine's thread while the operators read.

What lies here is at most one update older than the policy: after an update the groups behind the
screens are sampled again. Each operator has a seat: what was put back there comes to them again and
to nobody else.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from hitl.config.session import SessionConfig
from hitl.engine import Engine, EngineThread
from hitl.journal import Journal
from hitl.order import Order
from hitl.records import Group, Prompt
from hitl.second import TOO_OLD, Twins, pairs_of, twin_of

Key = tuple[int, int]

LOOK_S = 0.5
"""Seconds between two looks whether who waits is still there."""

COME_BACK_S = 15.0
"""Seconds for which a group that was on a screen waits for its operator to come back."""


@dataclass(eq=False)
class Seat:
    """One operator's place at the supply. What lies there is the supply's business."""

    name: str
    on_wait: Callable[[Key | None], None]
    """Told when there is nothing to show, and which group comes if it is a certain one."""
    gone: Callable[[], bool] = lambda: False
    """Whether nobody sits there any more; then a wait ends."""
    mine: deque[Group] = field(default_factory=deque)
    """What comes to this operator and to nobody else."""
    certain: Key | None = None
    """What was asked for, and comes next."""


class Supply:
    """Groups of one run, each sampled before it is asked for if the engine had the time."""

    def __init__(
        self,
        config: SessionConfig,
        journal: Journal,
        engine: EngineThread,
        prompt: Callable[[int], Prompt],
        ahead: int,
        on_ready: Callable[[int], None],
        overlap: float = 0.0,
    ) -> None:
        """`prompt(number)` is the prompt of the run's group `number`, from 1. `on_ready` is told
        how many are there when one more is. `overlap` is the share of groups that two operators
        get, while two are there."""
        self._config = config
        self._journal = journal
        self._engine = engine
        self._prompt = prompt
        self._ahead = ahead
        self._on_ready = on_ready
        self._overlap = overlap
        self._next_number = 1
        self._version = 0
        self._changed = threading.Condition()  # guards what follows:
        self._twins = Twins()
        self._shown: dict[Key, str] = {}
        self._kept_until: dict[Key, float] = {}
        self._wanted: deque[Prompt] = deque()
        self._urgent: dict[Key, Seat] = {}
        self._at_work: set[Key] = set()
        self._ready: deque[Group] = deque()
        self._shown_to = ""
        self._lay = Order()
        self._seats: list[Seat] = []
        self._hungry = 0
        self._sampling = False
        self._failed: BaseException | None = None

    def take_up(self, shown_to: str = "") -> None:
        """The open groups of the journal come first; those that were on a screen come last and not
        at once, since whoever had one may come back for it. `shown_to` is the operator it was, ""
        when that is not known; to them the groups come in the order in which they lay."""
        events = self._journal.events()
        self._twins = Twins(pairs_of(events))
        self._shown_to = shown_to
        self._lay = Order(events, shown_to)
        groups = self._journal.open_groups()
        shown = {g.key for g in groups if self._journal.draft(g.key) is not None}
        self._shown = dict.fromkeys(shown, shown_to)
        if self._twins:
            self._shown |= {j.group: j.operator for j in self._journal.judgements()}
        if not shown_to:
            self._keep_for_a_while(shown)
        if shown_to:
            by_key = {group.key: group for group in groups}
            self._ready.extend(by_key[key] for key in self._lay.of(by_key))
        else:
            self._ready.extend(sorted(groups, key=lambda g: g.key in shown))
        self._next_number = self._journal.last_group_number() + 1

    def sit(self, seat: Seat) -> None:
        """An operator takes their place, until they leave it."""
        with self._changed:
            self._seats.append(seat)

    def leave(self, seat: Seat) -> None:
        """What lies there goes to the others, but not at once: they may come back for it."""
        with self._changed:
            self._seats.remove(seat)
            self._ready.extend(seat.mine)
            self._keep_for_a_while(group.key for group in seat.mine)
            self._changed.notify_all()

    def ready(self, seat: Seat) -> int:
        """Groups that wait behind the one on the operator's screen."""
        with self._changed:
            return len(seat.mine) + len(self._eligible(seat))

    def show(self, seat: Seat, key: Key) -> bool:
        """From now on the group is left as it is: it may come back with what was entered for it.
        Whether nobody else has had it on their screen since this operator had."""
        with self._changed:
            before = self._shown.get(key)
            self._shown[key] = seat.name
        return before == seat.name

    def put_back(self, seat: Seat, group: Group) -> None:
        """It comes again to the operator before any other."""
        with self._changed:
            seat.mine.appendleft(group)

    def put_last(self, group: Group) -> None:
        """It comes again after those that lie ready."""
        with self._changed:
            self._ready.append(group)
            self._changed.notify_all()

    def claim(self, seat: Seat, key: Key) -> bool:
        """Gives the operator the group they had before they were cut off, if it still lies here."""
        with self._changed:
            for group in self._ready:
                if group.key == key:
                    self._ready.remove(group)
                    seat.mine.appendleft(group)
                    return True
        return False

    def is_twin(self, key: Key) -> bool:
        """Whether two operators get these texts (see `second`)."""
        with self._changed:
            return key in self._twins

    def next(self, seat: Seat) -> Group | None:
        """The next group for the operator; None when they are gone. Raises what sampling failed
        with."""
        while True:
            with self._changed:
                self._order(seat, self._ahead + len(self._seats))
            self._submit()
            group = self._first(seat)
            if group is not None and self._too_old(group):
                if group.key in self._twins:
                    self._journal.drop_group(group.key, TOO_OLD)
                    continue
                self._sample_now(seat, group.prompt)
                group = self._first(seat)
            if group is not None:
                self._write_order(seat, group)
            return None if group is None else self._handed_out(seat, group)

    def own(self, seat: Seat, text: str) -> None:
        """Has a prompt of the operator sampled before any other; it comes next."""
        with self._changed:
            prompt = Prompt(text, self._next_number)
            self._next_number += 1
        self._sample_now(seat, prompt)

    def again(self, seat: Seat, prompt: Prompt) -> None:
        """Has other completions of a prompt sampled before any other; they come next."""
        self._sample_now(seat, Prompt(prompt.text, prompt.number, prompt.attempt + 1))

    def waited_for(self) -> bool:
        """Whether somebody waits for a group, or will before long: the last one lies on their
        screen."""
        with self._changed:
            return bool(self._wanted) and bool(self._urgent or self._hungry or not self._ready)

    def learned(self, version: int) -> None:
        """The policy is another one now (engine's thread)."""
        self._version = version

    def refresh(self, engine: Engine) -> None:
        """Samples waiting groups again from the policy as it is now (engine's thread)."""
        with self._changed:
            # What was on a screen once may come back there with what was entered for it, and what
            # is for a second opinion must stay what the first was of.
            stale = [
                g
                for g in self._ready
                if g.policy_version < engine.version
                and g.key not in self._shown
                and g.key not in self._twins
            ]
        for old in stale:
            while self.waited_for():
                self._sample_wanted(engine)
            with self._changed:
                if old not in self._ready:
                    continue
            [new] = engine.sample_to_judge([old.prompt], self._config.group_size, self._config.seed)
            with self._changed:  # the operator may have got the old one meanwhile: then it stays
                if old in self._ready:
                    self._journal.add_groups([new])
                    self._ready[self._ready.index(old)] = new

    # --- with `_changed` held ------------------------------------------------------------------

    def _eligible(self, seat: Seat) -> Sequence[Group]:
        """What the operator may get: not the twin of what they had, nor what waits for another."""
        now = time.monotonic()
        if not self._twins and all(now >= until for until in self._kept_until.values()):
            return self._ready
        return [
            g
            for g in self._ready
            if not self._had_twin(seat, g)
            and (self._shown.get(g.key) == seat.name or now >= self._kept_until.get(g.key, now))
        ]

    def _keep_for_a_while(self, keys: Iterable[Key]) -> None:
        until = time.monotonic() + COME_BACK_S
        self._kept_until |= dict.fromkeys(keys, until)

    def _had_twin(self, seat: Seat, group: Group) -> bool:
        other = self._twins.other(group.key)
        return other is not None and self._shown.get(other) == seat.name

    def _order(self, seat: Seat, groups: int) -> int:
        """Wants as many prompts sampled as are missing for so many groups to be there for the
        operator or on their way; how many those are."""
        others = {key for key, whose in self._urgent.items() if whose is not seat}
        coming = {(prompt.number, prompt.attempt) for prompt in self._wanted} | self._at_work
        there = len(seat.mine) + len(self._eligible(seat))
        missing = max(groups - there - len(coming - others), 0)
        for _ in range(missing):
            self._wanted.append(self._prompt(self._next_number))
            self._next_number += 1
        return missing

    # --- without -------------------------------------------------------------------------------

    def _handed_out(self, seat: Seat, group: Group) -> Group:
        """Some go to a second operator too, if there is one."""
        with self._changed:
            alone = all(other.name == seat.name for other in self._seats)
            if alone or group.key in self._shown or group.key in self._twins:
                return group
            if twin := twin_of(group, self._next_number, self._config.seed, self._overlap):
                self._next_number += 1
                self._twins.write(self._journal, group, twin)
                self._shown[group.key] = seat.name
                self._ready.appendleft(twin)
                self._changed.notify_all()
        return group

    def _write_order(self, seat: Seat, group: Group) -> None:
        """Before a group is on the screen: a resume, or a start after a kill, is to show it first,
        and the others after it as they lie. Groups of several operators have no such order."""
        if not self._shown_to or seat.name != self._shown_to:
            return
        with self._changed:
            keys = [group.key, *(other.key for other in (*seat.mine, *self._ready))]
        self._lay.write(self._journal, keys)

    def _too_old(self, group: Group) -> bool:
        """Whether the policy has had more than one update since. What was entered for it is not
        given up for that: then the group comes as it is, and the update says how old it was."""
        draft = self._journal.draft(group.key)
        return group.policy_version < self._version - 1 and not (draft and any(draft))

    def _sample_now(self, seat: Seat, prompt: Prompt) -> None:
        with self._changed:
            seat.certain = prompt.number, prompt.attempt
            self._urgent[seat.certain] = seat
            self._wanted.appendleft(prompt)
        self._submit()

    def _submit(self) -> None:
        """Has the wanted groups sampled in the engine's thread, one after the other: whatever else
        is asked of the engine, an update or a save, waits for one of them and not for all."""
        with self._changed:
            if self._sampling or not self._wanted:
                return
            self._sampling = True
        self._engine.submit(self._sample_wanted, behind=True).add_done_callback(self._sampled)

    def _sampled(self, asked: Future[None]) -> None:
        """Whoever waits is to hear what sampling failed with."""
        with self._changed:
            self._sampling = False
            if not asked.cancelled() and self._failed is None:
                self._failed = asked.exception()
            self._changed.notify_all()
            if asked.cancelled() or self._failed is not None:
                return
        with contextlib.suppress(RuntimeError):  # the engine is closed
            self._submit()

    def _sample_wanted(self, engine: Engine) -> None:
        """Samples what is wanted most, unless that was done out of turn; it is journalled before
        anybody sees it (engine's thread)."""
        with self._changed:
            if not self._wanted:
                return
            prompt = self._wanted.popleft()
            key = prompt.number, prompt.attempt
            self._at_work.add(key)
        groups: list[Group] = []
        try:
            groups = engine.sample_to_judge([prompt], self._config.group_size, self._config.seed)
            self._journal.add_groups(groups)
        finally:
            with self._changed:
                self._at_work.discard(key)
                seat = self._urgent.pop(key, None)
                if seat is None:
                    self._ready.extend(groups)
                elif seat in self._seats:
                    seat.mine.extendleft(groups)
                else:
                    self._ready.extendleft(groups)
                ready = len(self._ready)
                self._changed.notify_all()
        self._on_ready(ready)

    def _first(self, seat: Seat) -> Group | None:
        """Takes the first group for the operator when it is there; None when they are gone. Raises
        what sampling failed with."""
        told = False
        while True:
            with self._changed:
                if (group := self._taken(seat)) is not None:
                    return group
                if self._failed is not None:
                    raise self._failed
                if seat.gone():
                    return None
                # Others may have got what was sampled for this one.
                more = 0 if seat.certain else self._order(seat, 1 + self._hungry)
                if told and not more:
                    self._hungry += 1
                    self._changed.wait(LOOK_S)
                    self._hungry -= 1
            self._submit()
            if not told:
                told = True
                seat.on_wait(seat.certain)

    def _taken(self, seat: Seat) -> Group | None:
        if seat.certain is not None:
            if not seat.mine or seat.mine[0].key != seat.certain:
                return None
            seat.certain = None
        if seat.mine:
            return seat.mine.popleft()
        group = next(iter(self._eligible(seat)), None)
        if group is not None:
            self._ready.remove(group)
        return group

"""The groups that lie ready: sampled ahead in the engine's thread while the operator reads.

What is judged is at most one update older than the policy: after an update the groups behind the
screen are sampled again, and no second update begins while a group of before the first lies there.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future

from hitl.config.session import SessionConfig
from hitl.engine import Engine, EngineThread
from hitl.journal import Journal
from hitl.records import Group, Prompt

Key = tuple[int, int]


class Supply:
    """Groups of one run, each sampled before it is asked for if the engine had the time."""

    def __init__(
        self,
        config: SessionConfig,
        journal: Journal,
        engine: EngineThread,
        prompt: Callable[[int], Prompt],
        ahead: int,
        on_wait: Callable[[Key | None], None],
        on_ready: Callable[[int], None],
    ) -> None:
        """`prompt(number)` is the prompt of the run's group `number`, from 1. `on_wait` is told
        when there is nothing to show, and which group comes if it is a certain one; `on_ready`
        how many are there when one more is."""
        self._config = config
        self._journal = journal
        self._engine = engine
        self._prompt = prompt
        self._ahead = ahead
        self._on_wait = on_wait
        self._on_ready = on_ready
        self._shown: set[Key] = set()
        self._next_number = 1
        self._asked: deque[Future[None]] = deque()
        self._changed = threading.Condition()  # guards what the engine's thread changes too:
        self._wanted: deque[Prompt] = deque()
        self._urgent: Key | None = None
        self._at_work = 0
        self._ready: deque[Group] = deque()
        self._version = 0

    def take_up(self) -> None:
        """The open groups of the journal come first."""
        self._ready.extend(self._journal.open_groups())
        self._shown = {g.key for g in self._ready if self._journal.draft(g.key) is not None}
        self._next_number = self._journal.last_group_number() + 1

    @property
    def ready(self) -> int:
        """Groups that wait behind the one on the screen."""
        return len(self._ready)

    def show(self, key: Key) -> None:
        """From now on the group is left as it is: it may come back with what was entered for it."""
        self._shown.add(key)

    def put_back(self, group: Group) -> None:
        """It comes again before any other."""
        with self._changed:
            self._ready.appendleft(group)

    def put_last(self, group: Group) -> None:
        """It comes again after those that lie ready."""
        with self._changed:
            self._ready.append(group)

    def next(self) -> Group:
        """The next group to judge. Raises what sampling failed with."""
        with self._changed:
            coming = len(self._ready) + len(self._wanted) + self._at_work
        for _ in range(1 + self._ahead - coming):
            self._request(self._prompt(self._next_number))
            self._next_number += 1
        group = self._first(None)
        if not self._too_old(group):
            return group
        self._request(group.prompt, urgent=True)
        return self._first(group.key)

    def own(self, text: str) -> None:
        """Has a prompt of the operator sampled before any other, and waits for it."""
        self._sample_now(Prompt(text, self._next_number))
        self._next_number += 1

    def again(self, prompt: Prompt) -> None:
        """Has other completions of a prompt sampled before any other, and waits for them."""
        self._sample_now(Prompt(prompt.text, prompt.number, prompt.attempt + 1))

    def learned(self, version: int) -> None:
        """The policy is another one now (engine's thread)."""
        self._version = version

    def refresh(self, engine: Engine) -> None:
        """Samples waiting groups again from the policy as it is now (engine's thread)."""
        with self._changed:
            # What was on the screen once may come back there with what was entered for it.
            stale = [
                g
                for g in self._ready
                if g.policy_version < engine.version and g.key not in self._shown
            ]
        for old in stale:
            while self._somebody_waits():
                self._sample_wanted(engine)
            with self._changed:
                if old not in self._ready:
                    continue
            [new] = engine.sample([old.prompt], self._config.group_size, self._config.seed)
            with self._changed:  # the operator may have got the old one meanwhile: then it stays
                if old in self._ready:
                    self._journal.add_groups([new])
                    self._ready[self._ready.index(old)] = new

    def _sample_now(self, prompt: Prompt) -> None:
        self._request(prompt, urgent=True)
        self.put_back(self._first((prompt.number, prompt.attempt)))

    def _too_old(self, group: Group) -> bool:
        """Whether the policy has had more than one update since. What was entered for it is not
        given up for that: then the group comes as it is, and the update says how old it was."""
        draft = self._journal.draft(group.key)
        return group.policy_version < self._version - 1 and not (draft and any(draft))

    def _request(self, prompt: Prompt, *, urgent: bool = False) -> None:
        """Has a group sampled in the engine's thread, an urgent one before all others."""
        with self._changed:
            if urgent:
                self._urgent = prompt.number, prompt.attempt
            (self._wanted.appendleft if urgent else self._wanted.append)(prompt)
        asked = self._engine.submit(self._sample_wanted)
        self._asked.append(asked)
        asked.add_done_callback(lambda _: self._wake())

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _somebody_waits(self) -> bool:
        with self._changed:
            return bool(self._wanted) and (self._urgent is not None or not self._ready)

    def _sample_wanted(self, engine: Engine) -> None:
        """Samples what is wanted most, unless that was done out of turn; it is journalled before
        anybody sees it (engine's thread)."""
        with self._changed:
            if not self._wanted:
                return
            prompt = self._wanted.popleft()
            self._at_work += 1
        groups: list[Group] = []
        try:
            groups = engine.sample([prompt], self._config.group_size, self._config.seed)
            self._journal.add_groups(groups)
        finally:
            with self._changed:
                self._at_work -= 1
                if self._urgent == (prompt.number, prompt.attempt):
                    self._urgent = None
                    self._ready.extendleft(groups)
                else:
                    self._ready.extend(groups)
                ready = len(self._ready)
                self._changed.notify_all()
        self._on_ready(ready)

    def _first(self, key: Key | None) -> Group:
        """Takes the first group when it is there, and is `key` if that is given; raises what
        sampling failed with."""
        told = False
        while True:
            while self._asked and self._asked[0].done():
                self._asked.popleft().result()
            with self._changed:
                if self._ready and key in (None, self._ready[0].key):
                    return self._ready.popleft()
                failed = bool(self._asked) and self._asked[0].done()
                if told and not failed:
                    self._changed.wait()
            if not told:
                told = True
                self._on_wait(key)

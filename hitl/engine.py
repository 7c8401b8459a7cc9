"""The engine: whatever owns the policy. And the thread it lives in.

All torch state belongs to one long-lived thread. The session gives it work in order and gets
futures back, so sampling, learning and saving can run behind the operator's reading without a
lock around a tensor.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, TypeVar

from hitl.errors import HitlError
from hitl.importing import importing
from hitl.manifest import Manifest
from hitl.records import Group, Inspection, LabelledGroup, Prompt, StepOptions, UpdateStats

T = TypeVar("T")


class UpdateRefusedError(HitlError):
    """The batch cannot be learned from (a loss became NaN); the policy is as it was before."""


class NoRoomError(UpdateRefusedError):
    """Memory ran out for a process that has a piece of the policy, and the others wait for it:
    all are to be ended, and may try again in smaller pieces."""


class PeerLostError(HitlError):
    """A process that this one shares an update with is gone; the update is to be made again."""


class BrokenOffError(HitlError):
    """The operator left while the engine was being loaded; nothing has changed."""


def never() -> bool:
    """Nobody waits."""
    return False


class Engine(Protocol):
    """Samples from the policy and teaches it. Blocking; called from one thread."""

    @property
    def version(self) -> int:
        """Updates the policy has had."""

    def sample(self, prompts: Sequence[Prompt], group_size: int, seed: int) -> list[Group]:
        """`group_size` completions for each prompt; each group's generator is keyed by
        (seed, prompt.number, prompt.attempt), so the company a prompt is sampled in is no
        matter."""

    def sample_to_judge(self, prompts: Sequence[Prompt], group_size: int, seed: int) -> list[Group]:
        """The same of what is to be judged: with the config's `candidates` that many are written,
        and those that differ most are in the group."""

    def sample_base(self, prompts: Sequence[Prompt], group_size: int, seed: int) -> list[Group]:
        """The same of the base policy: with the same random numbers, so that where the two agree
        the texts do."""

    def update(
        self,
        number: int,
        batch: Sequence[LabelledGroup],
        options: StepOptions | None = None,
        hurried: Callable[[], bool] = never,
    ) -> UpdateStats:
        """PPO update `number` (1 is the first), with the config's options unless others are
        given. Asked again for the number it is at, it does nothing and returns the same stats.
        Between the further steps of --amplify an engine in this process asks whether it is
        `hurried`, and makes no more of them then; the stats say how many it made. Raises
        UpdateRefusedError, and has changed nothing then."""

    def sequence_kl(self, groups: Sequence[Group]) -> float:
        """Mean KL of the groups' completions to the reference, nats a sequence."""

    def inspect(self, group: Group) -> Inspection:
        """The tokens of each completion, with their log-probability under the reference."""

    def save(self, directory: Path) -> Manifest:
        """Writes policy and trainer state into an existing empty folder."""

    def load(self, directory: Path) -> int:
        """Takes up what `save` wrote; returns the version."""

    def close(self) -> None:
        """Frees what the engine holds."""


NICE = 10
"""Of an engine behind a screen. On two busy cores a key took 20 ms to its paint during an update
without it, and 15 with it (95th percentile)."""


def _step_back() -> None:
    # On Linux each thread has a nice value of its own, and those it starts, as torch does for its
    # work, inherit it. Elsewhere it is the whole process's, the screen's too.
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)


def _make(make: Callable[[], Engine]) -> Engine:
    with importing():
        return make()


class EngineThread:
    """Runs an engine in a thread of its own, first come first served.

    The engine is made in that thread, so that its imports (seconds) stall nobody.
    """

    def __init__(self, make: Callable[[], Engine], *, behind: bool = False) -> None:
        """`behind` is for a process with a screen: whoever sits there goes before the engine."""
        self._executor = ThreadPoolExecutor(
            max_workers=1, thread_name_prefix=_THREAD, initializer=_step_back if behind else None
        )
        self._engine = self._executor.submit(_make, make)
        self._lock = threading.Lock()  # guards what follows
        self._asked = 0
        self._awaited = 0
        self._idle: deque[Callable[[Engine], None]] = deque()

    @property
    def made(self) -> bool:
        """Whether the engine is there, or could not be made: until then nothing was done with it,
        and there is nothing to save."""
        return self._engine.done()

    @property
    def awaited(self) -> bool:
        """Whether somebody waits for something that is queued."""
        with self._lock:
            return self._awaited > 0

    def submit(self, call: Callable[[Engine], T], *, behind: bool = False) -> Future[T]:
        """Queues `call(engine)`; its result or error, the engine's own failure to start included,
        comes with the future. `behind` is for work behind somebody's back, which nobody waits
        for."""
        with self._lock:
            self._asked += 1
            self._awaited += not behind
        return self._executor.submit(self._run, call, behind)

    def when_idle(self, call: Callable[[Engine], None]) -> Future[None]:
        """Queues `call(engine)` behind all that is asked for until it begins: work that nobody
        waits for, in small pieces."""
        future: Future[None] = Future()

        def carry_out(engine: Engine) -> None:
            try:
                call(engine)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(None)

        with self._lock:
            self._idle.append(carry_out)
        # When this is done, there may be nothing else to do.
        self.submit(lambda engine: None, behind=True)
        return future

    def _run(self, call: Callable[[Engine], T], behind: bool) -> T:
        with self._lock:
            self._awaited -= not behind
        try:
            return call(self._engine.result())
        finally:
            with self._lock:
                self._asked -= 1
                more = self._idle and not self._asked
            if more:
                with contextlib.suppress(RuntimeError):  # closed meanwhile
                    self._executor.submit(self._run_idle)

    def _run_idle(self) -> None:
        with self._lock:
            if self._asked or not self._idle:
                return  # whatever was asked for looks here again when it is done
            call = self._idle.popleft()
        self.submit(call, behind=True)

    def close(self) -> None:
        """Waits for the work in hand, drops what is queued behind it, closes the engine. One that
        is still being made is not waited for (see `abandoned`)."""
        self._executor.shutdown(wait=self.made, cancel_futures=True)
        if self._engine.done() and not self._engine.cancelled() and not self._engine.exception():
            self._engine.result().close()


def abandoned() -> bool:
    """Whether a thread of this process still makes an engine that nobody waits for. No thread can
    be stopped in the middle of an import, and Python waits for all of them at its end."""
    return any(thread.name.startswith(_THREAD) for thread in threading.enumerate())


_THREAD = "engine"

"""Half-judged groups, written behind the operator's keys.

The journal's lock may be held for as long as a disk takes to sync (a second, while a checkpoint of
a gigabyte is being written), and a key must not wait for that.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

Key = tuple[int, int]


class Drafts:
    """Keeps the newest draft of each group, a moment after it is given."""

    def __init__(self, write: Callable[[Key, tuple[str, ...]], None]) -> None:
        """`write(group, strings)` is called in a thread of its own, one at a time."""
        self._write = write
        self._lock = threading.Lock()  # guards the two below
        self._newest: dict[Key, tuple[str, ...]] = {}
        self._written: deque[Future[None]] = deque()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="drafts")

    def keep(self, key: Key, strings: tuple[str, ...]) -> None:
        """Returns at once, from any thread; after `close` it does nothing."""
        with self._lock:
            self._newest[key] = strings
            try:
                self._written.append(self._thread.submit(self._write_newest, key))
            except RuntimeError:  # closed: the session is over
                self._newest.clear()

    def settle(self) -> None:
        """Until all that was given is written. Raises what `write` raised."""
        with self._lock:
            waiting = list(self._written)
            self._written.clear()
        for future in waiting:
            future.result()

    def close(self) -> None:
        """Writes what there is, and takes no more."""
        self._thread.shutdown(wait=True)

    def _write_newest(self, key: Key) -> None:
        with self._lock:
            strings = self._newest.pop(key, None)
        if strings is not None:  # else a later key's draft was written in its place
            self._write(key, strings)

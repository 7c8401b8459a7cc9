"""How a signal ends a session in line mode: the first saves and leaves, a second leaves at once.

At once is like a kill: what was acknowledged is in the journal, and the rest is made again.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from types import FrameType

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


class Departure:
    """Which signal ended the session, if one did."""

    def __init__(self, leave: Callable[[], None]) -> None:
        self.signal: signal.Signals | None = None
        self._leave = leave

    @property
    def exit_code(self) -> int | None:
        """128 + the signal's number, as shells have it; None without a signal."""
        return None if self.signal is None else 128 + self.signal

    def arrived(self, number: int, frame: FrameType | None) -> None:
        """The signal's handler. Raises KeyboardInterrupt, which ends whatever waits."""
        if self.signal is not None:
            os._exit(128 + number)
        self.signal = signal.Signals(number)
        self._leave()
        raise KeyboardInterrupt


@contextlib.contextmanager
def leaving_by_signal(leave: Callable[[], None]) -> Iterator[Departure]:
    """Calls `leave` at the first SIGINT, SIGTERM or SIGHUP, and ends what the block waits for; use
    it in the main thread. A signal that was ignored stays ignored (nohup)."""
    departure = Departure(leave)
    numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    before = {n: signal.getsignal(n) for n in numbers if signal.getsignal(n) != signal.SIG_IGN}
    try:
        for number in before:
            signal.signal(number, departure.arrived)
        yield departure
    except KeyboardInterrupt:
        if departure.signal is None:
            raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

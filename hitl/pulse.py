"""Telling somebody often enough to follow, and not so often that following is all they do."""

from __future__ import annotations

import math
import time
from collections.abc import Callable


class Pulse:
    """`due()` is true at most every `seconds`, and the first time."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._last = -math.inf

    def due(self) -> bool:
        """Whether it is time again; if so, the next time is counted from now."""
        now = self._clock()
        if now - self._last < self._seconds:
            return False
        self._last = now
        return True

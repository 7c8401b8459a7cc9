"""`hitl` on a terminal, pressed by a hand that is never in a hurry."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from types import TracebackType

from benchmarks.terminal import Terminal
from docs.pictures.drawing import page_of

LOCALES = {"zh": "zh_CN.UTF-8", "en": "en_US.UTF-8"}

SETTLED = 0.7
"""Seconds without a change on the screen after which it is taken as drawn; what counts seconds
on it changes less often than a person needs to look."""

FRESH = r"▶1 .*\[ (?:_|  |←) \]"
"""A group in which nothing was entered yet, and that is not being written any more."""

LEFT = b"\x1b[?1049l"
"""The program gives the terminal's own screen back."""


class Session(Terminal):
    """One `hitl …`, ended at the end of the `with`."""

    def __init__(self, folder: Path, lang: str, size: tuple[int, int], *words: str) -> None:
        self.lang = lang
        locale = {"LANG": LOCALES[lang], "LC_ALL": LOCALES[lang], "COLORTERM": "truecolor"}
        super().__init__(folder, *words, size=size, variables=locale)
        self.open = True

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def look(self, seconds: float) -> None:
        """As before, also behind the end of the program."""
        if not self.open:
            return
        try:
            super().look(seconds)
        except OSError:  # Linux says so when the last one who wrote is gone
            self.open = False

    def feed(self, data: bytes) -> None:
        before, left, after = data.partition(LEFT)
        super().feed(before)
        if left:
            self.screen.reset()
            super().feed(after)

    def settle(self) -> None:
        """Until nothing changes any more."""
        while True:
            was = self.text
            self.look(SETTLED)
            if self.text == was:
                return

    def show(self, pattern: str) -> str:
        """The page of the screen, once `pattern` is on it and it is quiet."""
        self.until(pattern)
        self.settle()
        return page_of(self.screen)

    def keys(self, *keys: str, pause: float = 0.15) -> None:
        """One after the other."""
        for key in keys:
            self.press(key)
            self.look(pause)

    def judge(self, *keys: str, pause: float = 0.5) -> None:
        """Judges the group on the screen and waits for another one."""
        self.until(FRESH)
        self.settle()
        found = re.search(r"(?m)^ *(\S+ \d+)  ", self.text)
        assert found, self.text
        self.keys(*keys, pause=pause)
        self.until(rf"(?s)^(?!.*{re.escape(found[1])}  ).*(?-s:{FRESH})")

    def leave(self) -> None:
        """Saves and quits, and waits for the last word."""
        self.keys("q")
        end = time.monotonic() + 120
        while self.open and time.monotonic() < end:
            self.look(0.1)

    def close(self) -> None:
        if self.open:
            super().close()
        else:
            os.waitpid(self.pid, 0)

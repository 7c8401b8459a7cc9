"""The thread the session runs in, and how an app over it ends: a key, a signal, a lost terminal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from hitl.tui.messages import SessionEnded
from hitl.tui.operator import TuiOperator
from hitl.tui.remap import Keymap
from hitl.tui.terminal import abandon, lost
from hitl.tui.translated import TranslatedApp
from hitl.wording import ENGLISH, Translator

T = TypeVar("T")

GRACE = 2.0
"""Seconds the app has to end by itself once its terminal is lost and its session saved."""


class EndingApp(TranslatedApp[T]):
    """Whatever ends it, the session is asked to save and is waited for."""

    def __init__(self, tr: Translator = ENGLISH, keys: Keymap | None = None) -> None:
        super().__init__(tr, keys)
        self._operator: TuiOperator | None = None
        self._thread: threading.Thread | None = None
        self.error: BaseException | None = None
        """What the session's thread failed with."""
        self.signal: signal.Signals | None = None
        """What ended the app, if it was not the operator."""
        self.at_once = False
        """A second signal came: not even the session is waited for."""

    def leave(self) -> None:
        """As the operator's key does it: saves first."""
        raise NotImplementedError

    def _work_behind(self, start: Callable[[TuiOperator], None], operator: TuiOperator) -> None:
        self._operator = operator
        self._thread = threading.Thread(
            target=self._work, args=(start, operator), name="session", daemon=False
        )
        # The first paint comes before the thread, whose imports hold the interpreter.
        self.call_after_refresh(self._thread.start)

    def _work(self, start: Callable[[TuiOperator], None], operator: TuiOperator) -> None:
        error: BaseException | None = None
        try:
            start(operator)
        except BaseException as failure:  # raised again by run_session
            error = failure
        self.error = error
        self.post_message(SessionEnded(error))

    def hang_up(self) -> None:
        """Whatever the session asks from here on, it is told to quit."""
        if self._operator is not None:
            self._operator.hang_up()

    def finish(self) -> None:
        """After the app: ends the session's wait and waits for its last save."""
        self.hang_up()
        if self._thread is not None and self._thread.ident is not None:
            self._thread.join()

    def _listen_to_signals(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        loop = asyncio.get_running_loop()
        with contextlib.suppress(NotImplementedError):  # Windows
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self._ended_by, number)
        if hasattr(signal, "SIGHUP"):
            # Not through the loop: it may be waiting for the output of the lost terminal.
            signal.signal(signal.SIGHUP, lambda *_: self._terminal_lost())

    def _ended_by(self, number: signal.Signals) -> None:
        """Saves and leaves; at the second signal it leaves at once, which loses nothing that was
        acknowledged."""
        if self.signal is None:
            self.signal = number
            self.leave()
        else:
            self.at_once = True
            self.exit()

    def _terminal_lost(self) -> None:
        """Saves and ends, without the screen if that is gone, whatever state it is in."""
        self.signal = signal.SIGHUP
        if lost():
            abandon()
        self.hang_up()  # the session ends, and with it the app
        if self._thread is None:
            self.call_later(self.exit)
        threading.Thread(target=self._bury, name="undertaker", daemon=True).start()

    def _bury(self) -> None:
        if self._thread is not None and self._thread.ident is not None:
            self._thread.join()  # its last save
        time.sleep(GRACE)
        os._exit(128 + signal.SIGHUP)

"""The person at the terminal, as the session sees them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from textual.message import Message

from hitl.operator import Desk, Event, Partial, Quit, Reply, Waiting
from hitl.records import Judgement
from hitl.tui.messages import DeskCame, Happened


class TuiOperator:
    """`judge` blocks the session's thread until the screen replies.

    Replies are queued: a command given while no desk is there (quit, save, undo) is taken by the
    next `judge`. Scores are never queued that way, because the screen only makes a judgement of a
    group it shows.
    """

    def __init__(self, name: str, post: Callable[[Message], bool]) -> None:
        self.name = name
        self._post = post
        self._replies: queue.SimpleQueue[Reply] = queue.SimpleQueue()
        self._awaited: Waiting | None = None
        self._gone = threading.Event()
        self._leaving = threading.Event()

    @property
    def leaving(self) -> bool:
        """Whether the operator asked to quit; a long wait may look at this and end early."""
        return self._leaving.is_set()

    def judge(self, desk: Desk) -> Reply:
        """Called by the session's thread."""
        self._awaited = None
        if not self._tell(DeskCame(desk)):
            return Quit()
        while True:
            reply = self._replies.get()
            # A judgement of another group can only be a mistake of ours; it must not be learned.
            if not isinstance(reply, Judgement) or reply.group == desk.group.key:
                return reply

    def notify(self, event: Event) -> None:
        """Called by any thread. Unfinished completions are for those who wait for them."""
        if isinstance(event, Waiting):
            self._awaited = event
        elif isinstance(event, Partial) and not self._waits_for(event.group):
            return
        self._tell(Happened(event))

    def reply(self, reply: Reply) -> None:
        """Called by the screen."""
        if isinstance(reply, Quit):
            self._leaving.set()
        self._replies.put(reply)

    def hang_up(self) -> None:
        """The screen is gone: whoever waits, and whoever asks later, is told to quit."""
        self._gone.set()
        self.reply(Quit())

    def _waits_for(self, group: tuple[int, int]) -> bool:
        awaited = self._awaited
        return awaited is not None and awaited.group in (None, group)

    def _tell(self, message: Message) -> bool:
        try:
            return not self._gone.is_set() and self._post(message)
        except RuntimeError:  # the screen's event loop closed between the two
            return False

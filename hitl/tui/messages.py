"""What the session's thread and the screens tell the app."""

from __future__ import annotations

from textual.message import Message

from hitl.operator import Desk, Event


class DeskCame(Message):
    """A group lies before the operator; the session waits for the reply."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk


class Happened(Message):
    """Something the session tells."""

    def __init__(self, event: Event) -> None:
        super().__init__()
        self.event = event


class SessionEnded(Message):
    """The session's thread is done, with its error if it failed."""

    def __init__(self, error: BaseException | None) -> None:
        super().__init__()
        self.error = error


class GoBack(Message):
    """The open run is to be left for another, or for itself, as that was after an update."""

    def __init__(self, run: str, at: int) -> None:
        super().__init__()
        self.run = run
        self.at = at

"""The operator of commands that nobody judges in."""

from __future__ import annotations

import sys

from hitl.operator import Desk, Event, Notice, Quit, Reply


class Nobody:
    """An operator who is not there."""

    name = "nobody"
    leaving = False

    def judge(self, desk: Desk) -> Reply:
        """See Operator."""
        return Quit()

    def notify(self, event: Event) -> None:
        """See Operator. What casts doubt on the command's result is printed."""
        if isinstance(event, Notice):
            print(f"{event.level}: {event.text}", file=sys.stderr)

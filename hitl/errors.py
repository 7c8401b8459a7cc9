"""The errors a user can act on: the command line prints them as one line, without a traceback."""

from __future__ import annotations


class HitlError(Exception):
    """Something failed that the user can do something about; exit code 1.

    The message is one sentence or two: what happened, to which file or option, what to do.
    """

    exit_code = 1

    @property
    def said(self) -> str:
        """The message as it was given: a `Sentence` can be said in another language."""
        return self.args[0] if self.args and isinstance(self.args[0], str) else str(self)


class UsageError(HitlError, ValueError):
    """An option or an input the program cannot take; exit code 2."""

    exit_code = 2

"""Screens that are closed with an answer: once, however fast the key that closes them repeats."""

from __future__ import annotations

from typing import TypeVar

from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen, Screen

from hitl.tui.translated import Translated

T = TypeVar("T")


class AnswerScreen(Translated, Screen[T]):
    """A second Enter may be on its way before the first has closed the screen. Textual would close
    for it whatever screen is on top by then."""

    def dismiss(self, result: T | None = None) -> AwaitComplete:
        return super().dismiss(result) if self.is_active else AwaitComplete()


class ModalAnswer(AnswerScreen[T], ModalScreen[T]):
    """The same over another screen."""

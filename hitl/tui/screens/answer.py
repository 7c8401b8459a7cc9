"""Screens that are closed with an answer: once, however fast the key that closes them repeats.

A second Enter may be on its way before the first has closed the screen. Textual would close for it
whatever screen is on top by then.
"""

# A class that Textual takes styles from must come first among the bases, so there is no one mixin.

from __future__ import annotations

from typing import TypeVar

from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen, Screen

from hitl.tui.translated import Translated

T = TypeVar("T")


class AnswerScreen(Translated, Screen[T]):
    """One that fills the terminal."""

    def dismiss(self, result: T | None = None) -> AwaitComplete:
        return super().dismiss(result) if self.is_active else AwaitComplete()


class ModalAnswer(Translated, ModalScreen[T]):
    """One over another screen."""

    def dismiss(self, result: T | None = None) -> AwaitComplete:
        return super().dismiss(result) if self.is_active else AwaitComplete()

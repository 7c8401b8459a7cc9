"""Where the language of the screens is kept: the app has a translator, and its widgets ask it."""

from __future__ import annotations

from typing import TypeVar

from textual.app import App
from textual.message_pump import MessagePump

from hitl.wording import ENGLISH, Translator

T = TypeVar("T")


class TranslatedApp(App[T]):
    """An app that speaks one language from its beginning to its end."""

    def __init__(self, tr: Translator = ENGLISH) -> None:
        super().__init__()
        self.tr = tr


class Translated:
    """For screens and widgets of a TranslatedApp: `self.tr("the card above")`."""

    @property
    def tr(self) -> Translator:
        assert isinstance(self, MessagePump) and isinstance(self.app, TranslatedApp)
        return self.app.tr

"""Where the language of the screens is kept, and the keys in force: the app has them, and its
widgets ask it."""

from __future__ import annotations

from typing import Any, TypeVar

from textual.app import App
from textual.message_pump import MessagePump

from hitl.tui.remap import Keymap
from hitl.wording import ENGLISH, Translator

T = TypeVar("T")


class TranslatedApp(App[T]):
    """An app that speaks one language, and has the same keys, from its beginning to its end."""

    def __init__(self, tr: Translator = ENGLISH, keys: Keymap | None = None) -> None:
        super().__init__()
        self.tr = tr
        self.keys = keys or Keymap()
        """What the person has changed."""


class Translated:
    """For screens and widgets of a TranslatedApp: `self.tr("the card above")`."""

    @property
    def tr(self) -> Translator:
        return self._app().tr

    def key(self, identity: str, otherwise: str) -> str:
        """How a key is written; `otherwise` when the person has not changed it."""
        return self._app().keys.shown(identity, otherwise)

    def _app(self) -> TranslatedApp[Any]:
        assert isinstance(self, MessagePump) and isinstance(self.app, TranslatedApp)
        return self.app

"""What the program says to a person, in the language of their choice. Pure.

Sentences are written in English where they are said, with named fields in braces, and stand in a
gettext catalogue with their translation: `tr("there are {count} completions", count=4)`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

Language = Literal["zh", "en"]

CATALOGUES = Path(__file__).with_name("locale")
"""LANGUAGE/LC_MESSAGES/hitl.po of every language but English."""


class Sentence(str):
    """An English sentence that can still be said in another language.

    It is made where nobody knows who will read it (the session, the learning, a check of what was
    typed) and is plain English to a journal, a log or a pipe. Its values may be sentences too.
    """

    template: str
    values: Mapping[str, object]

    def __new__(cls, template: str, /, **values: object) -> Sentence:
        made = super().__new__(cls, template.format(**values))
        made.template, made.values = template, MappingProxyType(values)
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return _sentence, (self.template, dict(self.values))


def _sentence(template: str, values: dict[str, object]) -> Sentence:
    return Sentence(template, **values)


@dataclass(frozen=True, slots=True)
class Translator:
    """Says things in one language."""

    language: Language
    lookup: Callable[[str], str]
    """A message of the catalogue in this language, its fields still in braces."""

    def __call__(self, message: str, /, **values: object) -> str:
        """`message`, which stands in the catalogue, with its fields filled in."""
        if isinstance(message, Sentence):
            return self.said(message)
        template = self.lookup(message) if message else message
        shown = {
            name: self.said(value) if isinstance(value, Sentence) else value
            for name, value in values.items()
        }
        return template.format(**shown)

    def said(self, text: str) -> str:
        """A sentence in this language; any other text as it is."""
        return self(text.template, **text.values) if isinstance(text, Sentence) else text

    def error(self, error: Exception) -> str:
        """What an error says."""
        text = error.args[0] if error.args else ""
        return self.said(text) if isinstance(text, Sentence) else str(error)


ENGLISH = Translator("en", str)


def translator(language: Language) -> Translator:
    """The catalogue is read here, and not for English, which needs none."""
    if language == "en":
        return ENGLISH
    import gettext
    import io

    import polib

    # Read as it is written: no step of building that a checkout could have missed. 10 ms.
    source = polib.pofile(str(CATALOGUES / language / "LC_MESSAGES" / "hitl.po"))
    catalogue = gettext.GNUTranslations(io.BytesIO(source.to_binary()))
    return Translator(language, catalogue.gettext)

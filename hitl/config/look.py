"""How the screen looks and speaks: the person's taste, and no part of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Look:
    """Of every command that opens the terminal UI."""

    ui_lang: Literal["auto", "en", "zh"] = "auto"
    """Language of the screens. auto: of the locale (LC_ALL, LC_MESSAGES, LANG)."""
    theme: Literal["dark", "light", "ansi"] = "dark"
    """Colours of the screens. ansi: the terminal's own sixteen."""


PLAIN_LOOK = Look()
"""Nothing was said."""

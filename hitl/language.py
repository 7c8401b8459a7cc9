"""Which language a run is in when nobody said."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Iterable, Mapping

from hitl.config.look import Look
from hitl.config.session import SessionConfig
from hitl.shipped import POLICIES, SCORERS
from hitl.wording import Language, Translator, translator


def users_language(environment: Mapping[str, str] = os.environ) -> Language:
    """Of the locale: Chinese if it says so, else English."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := environment.get(name):
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


def with_language(config: SessionConfig, *models: str | None) -> SessionConfig:
    """`config` with `--lang auto` resolved: the language of the first shipped model among its
    policy and `models`, else the user's."""
    if config.lang != "auto":
        return config
    for name in (config.policy, *models):
        if name in POLICIES + SCORERS:
            return dataclasses.replace(config, lang="zh" if name.endswith("-zh") else "en")
    return dataclasses.replace(config, lang=users_language())


def translator_for(look: Look) -> Translator:
    """What the screens speak."""
    return translator(users_language() if look.ui_lang == "auto" else look.ui_lang)


def language_of(texts: Iterable[str]) -> Language:
    """Chinese when a fifth of the letters of the first 200 texts are Chinese characters."""
    letters = [c for text in itertools.islice(texts, 200) for c in text if c.isalpha()]
    han = sum("\u3400" <= c <= "\u9fff" for c in letters)
    return "zh" if letters and han >= len(letters) / 5 else "en"

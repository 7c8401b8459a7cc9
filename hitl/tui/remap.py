"""A person's own keys: a file that says which keys do what.

    # ~/.config/hitl/keymap.toml
    group.skip = "s"
    pair.first = ["left", "a"]

Names are the ids of `hitl.tui.keymap`, keys as Textual writes them. What stands there replaces the
keys a thing has; the full-width form of a key comes along by itself.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from textual.binding import Binding
from textual.keys import Keys

from hitl.errors import UsageError
from hitl.tui.keymap import EDITOR, HELP, PAIR, RANK, RUNS, SCORE, TOKENS, Key
from hitl.tui.keymap_visits import BLIND, CHOOSE, DATA, PAGE, TRAIN, VISIT_RUNS

SCREENS: Mapping[str, Sequence[Key]] = {
    "scoring": SCORE,
    "ranking": RANK,
    "comparing": PAIR,
    "the list of runs": RUNS,
    "the editor": EDITOR,
    "the tokens": TOKENS,
    "the help": HELP,
    "training": TRAIN,
    "the data": DATA,
    "the runs beside": VISIT_RUNS,
    "the blind test": BLIND,
    "a page": PAGE,
    "a choice": CHOOSE,
}

_NAMES = {
    "space": "Space", "enter": "Enter", "backspace": "Backspace", "escape": "Esc", "tab": "Tab",
    "left": "←", "right": "→", "up": "↑", "down": "↓", "pageup": "PgUp", "pagedown": "PgDn",
    "delete": "Del", "insert": "Ins", "home": "Home", "end": "End",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Keymap:
    """The keys that were changed."""

    changed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Keys by id, each one character or a name such as "f5"."""

    @property
    def bindings(self) -> dict[str, str]:
        """As Textual's `set_keymap` wants it."""
        return {
            identity: ",".join(name for key in keys for name in _forms(key))
            for identity, keys in self.changed.items()
        }

    def shown(self, identity: str, otherwise: str) -> str:
        """How the screen writes the first key of a thing; `otherwise` when it was not changed."""
        keys = self.changed.get(identity)
        return otherwise if keys is None else _shown(keys[0])


def keymap_path() -> Path:
    """Where the file is looked for."""
    from platformdirs import user_config_path

    return user_config_path("hitl") / "keymap.toml"


def load_keymap(path: Path) -> Keymap:
    """The file's keys; none when there is no file. Raises UsageError, in one line."""
    try:
        data = tomllib.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        return Keymap()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise UsageError(f"{path} cannot be read ({reason}): mend it or take it away") from None
    try:
        keymap = Keymap(dict(_entries(data)))
        for screen, keys in SCREENS.items():
            _check(screen, keys, keymap)
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from None
    return keymap


def _entries(data: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, tuple[str, ...]]]:
    """`group.skip = …` is a table of a table in TOML, and `"group.skip" = …` is not."""
    known = {key.id for keys in SCREENS.values() for key in keys}
    for name, value in data.items():
        identity = prefix + name
        if isinstance(value, dict):
            yield from _entries(value, f"{identity}.")
            continue
        if identity not in known:
            near = difflib.get_close_matches(identity, known, 1)
            meant = f", did you mean {near[0]}?" if near else ""
            raise ValueError(f"nothing is called {identity}{meant} (the help lists the names)")
        keys = (value,) if isinstance(value, str) else value
        if not isinstance(keys, tuple | list) or not keys:
            raise ValueError(f'{identity} needs a key, such as {identity} = "s"')
        for key in keys:
            if not isinstance(key, str) or not _is_key(key):
                raise ValueError(f'{identity}: {key!r} is no key; write "s", "f5" or "ctrl+s"')
        yield identity, tuple(keys)


def _check(screen: str, keys: Sequence[Key], keymap: Keymap) -> None:
    """Raises ValueError when one key would do two things."""
    owner: dict[str, str] = {}
    for key in keys:
        changed = keymap.changed.get(key.id)
        if changed is not None and keys is EDITOR and any(len(c) == 1 for c in changed):
            raise ValueError(f"{key.id} is for a text field, which would type it: use f5 or ctrl+s")
        names = keymap.bindings[key.id] if changed is not None else key.keys
        for name in map(_name, _split(names)):
            other = owner.setdefault(name, key.id)
            if other != key.id and {other, key.id} & keymap.changed.keys():
                raise ValueError(
                    f"{_shown(name)} is both {other} and {key.id} in {screen}: give one another key"
                )


def _split(keys: str) -> list[str]:
    return [key.strip() for key in keys.split(",")]


def _forms(key: str) -> list[str]:
    """The key, and what an input method sends for it, by Textual's names: a comma has to be."""
    wide = [chr(ord(key) + 0xFEE0)] if len(key) == 1 and "!" <= key <= "~" else []
    return [_name(form) for form in (key, *wide)]


def _name(key: str) -> str:
    """As Textual calls it: "question_mark" for "?"."""
    if key == ",":
        return "comma"
    (binding,) = Binding.make_bindings([(key, "", "")])
    return binding.key


def _is_key(key: str) -> bool:
    if len(key) == 1:
        return key.isprintable() and not key.isspace()
    plain = re.sub(r"^((ctrl|shift|alt)\+)+", "", key)
    return len(plain) == 1 or plain in {known.value for known in Keys} | _NAMES.keys()


def _shown(key: str) -> str:
    *modifiers, last = key.split("+") if len(key) > 1 else [key]
    if modifiers or re.fullmatch(r"f\d+", last):
        last = last.upper() if len(last) < 4 else last
    return "+".join([*map(str.capitalize, modifiers), _NAMES.get(last, last)])

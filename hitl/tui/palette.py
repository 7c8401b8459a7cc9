"""The command palette's entries: what the keys of a screen do, by name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Protocol, runtime_checkable

from textual.app import App, SystemCommand
from textual.screen import Screen

from hitl.tui.keymap import Key, named
from hitl.tui.remap import Keymap
from hitl.wording import Sentence, Translator


@runtime_checkable
class HasKeys(Protocol):
    """A screen with a help page."""

    def help_keys(self) -> tuple[Key, ...]: ...


def commands_of(screen: Screen[Any], tr: Translator, keys: Keymap) -> Iterator[SystemCommand]:
    """One entry a key, but for digits, which mean nothing by themselves; `keys` has the changed
    ones."""
    if not isinstance(screen, HasKeys):
        return
    seen = set[str]()
    for key in screen.help_keys():
        entry = not key.id.startswith("type.") and key.id not in ("rank.1", "app.palette")
        if key.shown and entry and key.action not in seen:
            seen.add(key.action)
            yield _command(screen, key, tr, keys)


def _command(screen: Screen[Any], key: Key, tr: Translator, keys: Keymap) -> SystemCommand:
    called = False

    async def call() -> None:
        nonlocal called
        if not called:  # a second Enter before the palette is gone gives the command again
            called = True
            await screen.app.run_action(key.action, screen)

    does = tr(key.tooltip, **named(keys.shown))
    return SystemCommand(does, tr("key: {key}", key=keys.shown(key.id, key.shown)), call)


COLOURS = (
    ("dark", Sentence("colours: light on dark")),
    ("light", Sentence("colours: dark on light")),
    ("ansi", Sentence("colours: those of the terminal")),
)


def colours_of(app: App[Any], tr: Translator) -> Iterator[SystemCommand]:
    """One entry a theme."""

    def call(name: str) -> Callable[[], Awaitable[None]]:
        async def change() -> None:
            await app.run_action(f"app.colours('{name}')")

        return change

    for name, title in COLOURS:
        yield SystemCommand(tr(title), tr("option: {option}", option=f"--theme {name}"), call(name))

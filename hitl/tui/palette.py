"""The command palette's entries: what the keys of a screen do, by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

from textual.app import SystemCommand
from textual.screen import Screen

from hitl.tui.keymap import Key


@runtime_checkable
class HasKeys(Protocol):
    """A screen with a help page."""

    def help_keys(self) -> tuple[Key, ...]: ...


def commands_of(screen: Screen[Any]) -> Iterator[SystemCommand]:
    """One entry a key, but for digits, which mean nothing by themselves."""
    if not isinstance(screen, HasKeys):
        return
    seen = set[str]()
    for key in screen.help_keys():
        entry = not key.id.startswith("type.") and key.id not in ("rank.1", "app.palette")
        if key.shown and entry and key.action not in seen:
            seen.add(key.action)
            yield _command(screen, key)


def _command(screen: Screen[Any], key: Key) -> SystemCommand:
    async def call() -> None:
        await screen.app.run_action(key.action, screen)

    return SystemCommand(key.tooltip, f"key: {key.shown}", call)

"""What is typed reaches the command: every option of every command, in another value than its own.

What an option does is shown where it is done; `tests/test_options.py` asks for that.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator
from typing import Any, Literal

import pytest

from hitl.commands.dispatch import COMMANDS, _parse
from tests.test_cli import _unlisted

NEEDED = {
    "join": ["zh-01@127.0.0.1:8765", "--operator", "me"],
    "compare": ["zh-01"],
    "export": ["zh-01", "--format", "scores", "--out", "o"],
    "host": ["zh-01"],
    "replay": ["zh-01"],
    "show": ["zh-01"],
    "sft": ["d", "--out", "o"],
    "dpo": ["d", "--out", "o"],
    "pretrain": ["d", "--lang", "zh", "--out", "o"],
    "reward train": ["vader", "--out", "o"],
    "reward eval": ["m", "d"],
    "reward score": ["m"],
}
"""Words a command cannot do without."""
TYPED: dict[str, Any] = {
    "scale": "0-10", "reward train labels": "1-5", "query_tokens": "2-8", "answer_tokens": "4-16",
    "token": "a long one", "lr": 0.25, "mlm_lr": 0.25, "width": 512, "heads": 16,
    "max_tokens": 96, "batch_tokens": 9999, "crop_max": 99, "steps": 5000,
    "group_size": 6, "candidates": 9,    "engine": "ray", "data": "vader",
}  # fmt: skip
"""Where a value made up from the type would be refused, alone or beside the others."""
ALONE = {"amplify"}
"""Is refused beside another value of --preset."""
REFUSED = {("auto", "mode")}
"""tests/test_cli.py shows what is said."""


def _fields(kind: Any) -> Iterator[tuple[str, Any]]:
    """Name and type of every option of a command's dataclass, and of those within it."""
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        if dataclasses.is_dataclass(hints[field.name]):
            yield from _fields(hints[field.name])
        elif not _unlisted(field.type):
            yield field.name, hints[field.name]


def _of(command: Any, name: str) -> Any:
    """The value of an option, wherever in the command's dataclasses it is."""
    for field in dataclasses.fields(command):
        value = getattr(command, field.name)
        if field.name == name and not dataclasses.is_dataclass(value):
            return value
        if dataclasses.is_dataclass(value) and name in dict(_fields(type(value))):
            return _of(value, name)
    raise AssertionError(f"{type(command).__name__} has no {name}")


def _another(command: str, name: str, kind: Any, before: Any) -> Any:
    """A value of the type that is not the one before."""
    for known in (f"{command} {name}", name):
        if known in TYPED:
            return TYPED[known]
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        kind = next(one for one in typing.get_args(kind) if one is not type(None))
    if typing.get_origin(kind) is Literal:
        return next(choice for choice in typing.get_args(kind) if choice != before)
    if kind is bool:
        return not before
    if kind is int:
        return (before or 1) + 1
    if kind is float:
        return 0.75 if before != 0.75 else 0.5
    return kind("other")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_reaches_its_command(command: str) -> None:
    needed = [*command.split(), *NEEDED.get(command, [])]
    before = _parse(needed)
    wanted = {
        name: _another(command, name, kind, _of(before, name))
        for name, kind in _fields(COMMANDS[command])
        if (command, name) not in REFUSED
    }
    together = [word for name in wanted.keys() - ALONE for word in _typed(name, wanted[name])]
    after = _parse([*needed, *together])
    for name, value in wanted.items():
        seen = _parse([*needed, *_typed(name, value)]) if name in ALONE else after
        assert _of(seen, name) == value, name
        assert _of(before, name) != value, name


def _typed(name: str, value: Any) -> list[str]:
    option = ("operator" if name == "scorer" else name).replace("_", "-")
    if isinstance(value, bool):
        return [f"--{option}" if value else f"--no-{option}"]
    return [f"--{option}", str(value)]

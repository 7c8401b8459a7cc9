"""Every option that `--help` shows is given somewhere in the tests, by one who looks what it does.

What is read is the tests' source: an option counts where a function that runs its command has it as
`--option`, or where a function of a file that knows its dataclass gives the field by its name.
"""

from __future__ import annotations

import ast
import dataclasses
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hitl.commands.dispatch import COMMANDS

TESTS = Path(__file__).parent
OPTION = re.compile(r"--(?:no-)?([a-z0-9][a-z0-9-]*)")
RENAMED = {"scorer": "operator"}
REFUSED = "test_wrong_use_is_one_line_and_2"
"""Shows what is not taken, of every command in one function."""


@dataclasses.dataclass(frozen=True)
class Used:
    """What one function of the tests has in it, and in the constants it names."""

    words: frozenset[str]
    """Words of its strings, and names of what it calls: commands are among them."""
    options: frozenset[str]
    """As fields are called: without the hyphens."""
    fields: frozenset[str]
    """Names of keyword arguments and keys."""
    known: frozenset[str]
    """Names in the file: dataclasses are among them."""


def _read(path: Path) -> Iterator[Used]:
    module = ast.parse(path.read_text("utf-8"))
    constants = {
        target.id: node
        for node in module.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    known = frozenset(n.id for n in ast.walk(module) if isinstance(n, ast.Name))
    for function in ast.walk(module):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if function.name == REFUSED:
            continue
        nodes = list(ast.walk(function))
        named = {n.id for n in nodes if isinstance(n, ast.Name)} & constants.keys()
        nodes += [inner for name in named for inner in ast.walk(constants[name])]
        text = " ".join(
            n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)
        )
        keys = [n.arg for n in nodes if isinstance(n, ast.keyword) and n.arg]
        for node in nodes:
            if isinstance(node, ast.Dict):
                keys += [k.value for k in node.keys if isinstance(k, ast.Constant)]
        yield Used(
            frozenset(re.findall(r"[a-z]+", text))
            | {n.id for n in nodes if isinstance(n, ast.Name)},
            frozenset(name.replace("-", "_") for name in OPTION.findall(text)),
            frozenset(keys),
            known,
        )


USED = [used for path in sorted(TESTS.rglob("*.py")) for used in _read(path)]


def _options(kind: Any) -> Iterator[tuple[str, str]]:
    """The dataclass that has the option, and the name of its field."""
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        if dataclasses.is_dataclass(hints[field.name]):
            yield from _options(hints[field.name])
        elif not re.search("Positional|Suppress", str(field.type)):
            owner = next(c for c in reversed(kind.__mro__)
                         if field.name in getattr(c, "__annotations__", {}))  # fmt: skip
            yield owner.__name__, field.name


def given(command: str, owner: str, name: str) -> bool:
    """Whether some test gives the option of the command, or the field of the dataclass."""
    option = RENAMED.get(name, name)
    return any(
        (option in used.options and used.words.issuperset(command.split()))
        or (owner in used.known and name in used.fields)
        for used in USED
    )


def test_every_option_is_given_in_some_test() -> None:
    asked: dict[tuple[str, str], set[str]] = {}
    for command, kind in COMMANDS.items():
        for owner, name in _options(kind):
            asked.setdefault((owner, name), set()).add(command)
    missing = [
        f"{owner}.{name} ({', '.join(sorted(commands))})"
        for (owner, name), commands in asked.items()
        if not any(given(command, owner, name) for command in commands)
    ]
    assert missing == []


@pytest.mark.parametrize(("command", "name"), [("compare", "n"), ("reward eval", "json")])
def test_an_option_that_is_given_is_found(command: str, name: str) -> None:
    assert given(command, "", name)


def test_an_option_that_is_not_there_is_not_found() -> None:
    assert not given("compare", "", "none_" + "such")
    assert not given("no_command", "", "json")

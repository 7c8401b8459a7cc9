"""What the program says to a person: every message in the source that a catalogue must have.

python -m tests.extracting        prints those that the Chinese catalogue lacks
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import polib

from hitl.wording import CATALOGUES

SOURCE = Path(__file__).parents[1] / "hitl"

CALLS = {"tr": 0, "_tr": 0, "Sentence": 0, "refusal": 0, "refuse": 0, "Key": 4}
"""Who is given a message, and as which argument. Babel's extractor would do but for a message
inside the arguments of another one, which it passes over."""


def given() -> Iterator[tuple[ast.expr, str]]:
    """What stands in a message's place, and where, as file:line."""
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            place = CALLS.get(name, len(node.args))
            if place < len(node.args):
                where = f"{path.relative_to(SOURCE).as_posix()}:{node.lineno}"
                yield node.args[place], where


def messages() -> dict[str, str]:
    """Message -> where it is said first."""
    found: dict[str, str] = {}
    for node, where in given():
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.setdefault(node.value, where)
    return found


def catalogue(language: str) -> polib.POFile:
    return polib.pofile(str(CATALOGUES / language / "LC_MESSAGES" / "hitl.po"))


if __name__ == "__main__":
    known = {entry.msgid for entry in catalogue("zh")}
    for said, where in messages().items():
        if said not in known:
            print(polib.POEntry(msgid=said, occurrences=[(where, "")]))

"""The pages: what they show can be typed, and a script puts the real output in its place."""

from __future__ import annotations

import importlib.util
import shlex
from pathlib import Path
from types import ModuleType

import pytest

from hitl.commands.dispatch import COMMANDS
from hitl.commands.parse import parse
from hitl.config.auto import Auto, recipe_of

DOCS = Path(__file__).parents[1] / "docs"
PAGES = [page for page in sorted(DOCS.glob("*.md")) if "```console" in page.read_text("utf-8")]


def script() -> ModuleType:
    found = importlib.util.spec_from_file_location("docs_run", DOCS / "run.py")
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


PAGE = """Text
$ not a command
<!-- before: prepare -->

```console
$ one
old
old too
$ two \\
    more
```

```sh
$ shown only
```
"""


def test_output_takes_the_place_of_what_stood_there() -> None:
    run = script()
    hidden: list[str] = []
    page = run.rewritten(PAGE, lambda command: f"<{command}>\n", hidden.append)
    assert hidden == ["prepare"] and "old" not in page
    shown = "$ one\n<one>\n$ two \\\n    more\n<two more>\n```"
    assert shown in page and page.startswith("Text\n$ not a command\n")
    assert run.rewritten(page, lambda command: f"<{command}>\n", hidden.append) == page
    assert list(run.commands(PAGE)) == ["one", "two more"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_of_a_page_has_the_options_it_is_shown_with(page: Path) -> None:
    run, text, hidden = script(), page.read_text("utf-8"), list[str]()
    run.rewritten(text, lambda command: "", hidden.append)
    shown = [command for command in run.commands(text) if command.startswith("hitl ")]
    for command in [*shown, *(c[c.index("hitl ") :] for c in hidden if "hitl " in c)]:
        words = shlex.split(command.partition(" #")[0].partition(" 2>")[0])[1:]
        name = next(n for n in (" ".join(words[:2]), words[0]) if n in COMMANDS)
        rest = words[len(name.split()) :]
        kind = COMMANDS[name]
        made = parse(kind, name, rest, recipe_of(rest) if kind is Auto else None)
        assert isinstance(made, kind)
    assert shown

"""The pages: what they show can be typed, and a script puts the real output in its place."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path
from types import ModuleType

import pytest

from hitl.commands.dispatch import COMMANDS
from hitl.commands.parse import parse
from hitl.config.auto import Auto, recipe_of

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
SHOWING = [page for page in PAGES if "```console" in page.read_text("utf-8")]


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


@pytest.mark.parametrize("page", SHOWING, ids=lambda page: page.stem)
def test_every_command_of_a_page_has_the_options_it_is_shown_with(page: Path) -> None:
    run, text, hidden = script(), page.read_text("utf-8"), list[str]()
    run.rewritten(text, lambda command: "", hidden.append)
    shown = [command for command in run.commands(text) if command.startswith("hitl ")]
    for command in [*shown, *(c[c.index("hitl ") :] for c in hidden if "hitl " in c)]:
        taken(command)
    assert shown


def taken(command: str) -> object:
    """The options of a `hitl` command as it stands in a page; UsageError for what it does not
    take."""
    words = shlex.split(re.split(r" (?:#|2>|[|&])", command)[0])[1:]
    name = next(n for n in (" ".join(words[:2]), words[0]) if n in COMMANDS)
    rest = words[len(name.split()) :]
    kind = COMMANDS[name]
    return parse(kind, name, rest, recipe_of(rest) if kind is Auto else None)


def test_the_map_names_every_folder_and_file_and_none_that_is_not_there() -> None:
    page = (DOCS / "architecture.md").read_text("utf-8")
    drawn = page.split("## The map")[1].split("\n## ")[0]
    folders, files = drawn.split("Files beside them:")
    package = ROOT / "hitl"
    there = {path.name for path in package.iterdir() if any(path.glob("*.py"))} | {"locale"}
    assert set(re.findall(r"`hitl/(\w+)/`", folders)) == there
    named = re.findall(r"`(\w+\.py)`", files)
    assert sorted(named) == sorted({p.name for p in package.glob("*.py")} - {"__init__.py"})


READMES = [ROOT / "README.md", ROOT / "README.zh.md"]
WRITTEN = [*READMES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *PAGES]


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.stem)
def test_what_a_page_links_to_or_names_is_there(page: Path) -> None:
    text = page.read_text("utf-8")
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    missing = [link for link in links if not (page.parent / link).exists()]
    paths = re.findall(r"`((?:hitl|tests|benchmarks|docs)/[\w./-]+)`", text)
    missing += [path for path in paths if "XX" not in path and not (ROOT / path).exists()]
    assert missing == []


def blocks(page: Path, kind: str) -> list[str]:
    """The lines of every fenced block of a kind."""
    text = page.read_text("utf-8")
    found = re.findall(rf"^```{kind}\n(.*?)^```$", text, re.S | re.M)
    return [line for block in found for line in block.splitlines()]


def spans(page: Path) -> set[str]:
    """What stands between backquotes in the running text."""
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.S | re.M)
    return set(re.findall(r"`([^`\n]+)`", text))


@pytest.mark.parametrize("kind", ["sh", "python"])
def test_both_readmes_show_the_same_commands(kind: str) -> None:
    english, chinese = (blocks(page, kind) for page in READMES)
    assert english == chinese and len(english) > 3


def test_both_readmes_name_the_same_options_keys_and_files() -> None:
    english, chinese = (spans(page) for page in READMES)
    assert english ^ chinese == set()


@pytest.mark.parametrize("page", READMES, ids=lambda page: page.stem)
def test_every_command_of_a_readme_is_taken(page: Path) -> None:
    shown = [c.split("| ")[-1] for c in blocks(page, "sh") if c.split("| ")[-1].startswith("hitl ")]
    for command in shown:
        assert taken(command)
    assert len(shown) > 10

"""Only `hitl.tui.content` turns text into what is drawn; nothing parses markup."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hitl.tui
from hitl.text import safe
from hitl.tui.content import foreign

FILES = sorted(Path(hitl.tui.__file__).parent.rglob("*.py"))
MARKUP = {"Static", "Label", "Markdown", "Text", "Log", "RichLog", "DataTable"}
MAKERS = {"from_markup", "from_text", "from_rich_text", "styled", "assemble", "notify"}


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_no_other_way_to_the_screen(path: Path) -> None:
    if path.name == "content.py":
        return
    fields = {"Input", "TextArea"}  # they draw what they hold: entry.py lets only safe text in
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom | ast.Import):
            names = {alias.name for alias in node.names}
            # Its cells are Content by type, and nothing else makes one.
            markup = MARKUP - {"DataTable"} if path.name == "table.py" else MARKUP
            assert not names & markup, f"{path.name} imports {names & markup}"
            assert "hitl.text" not in names
            assert not names & fields or path.name == "entry.py"
        if isinstance(node, ast.ImportFrom):
            assert node.module != "hitl.text"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            base = node.func.value
            of_content = isinstance(base, ast.Name) and base.id in ("Content", "self")
            if node.func.attr in MAKERS and of_content:
                # The operator's own notify is the protocol's, not Textual's.
                raise AssertionError(f"{path.name}:{node.lineno} calls {node.func.attr}")
        made = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if made and node.func.id == "Content":
            assert all(isinstance(a, ast.Constant) for a in node.args), path.name


@given(st.text(st.characters(exclude_categories=[]), max_size=100))
def test_foreign_text_is_the_safe_text_and_has_no_markup(text: str) -> None:
    content = foreign(text, "bold", newlines=True)
    assert content.plain == safe(text, newlines=True)
    assert all(span.style == "bold" for span in content.spans)

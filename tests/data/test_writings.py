"""What supervised fine-tuning reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hitl.data.ranked import Ranked
from hitl.data.rows import Account
from hitl.data.writings import Writing, best_of, writings


@pytest.mark.parametrize(
    ("row", "writing"),
    [
        ({"text": "a"}, Writing("", "a")),
        ({"prompt": "P ", "completion": "a"}, Writing("P ", "a")),
        (
            {"messages": [{"role": "user", "content": "问"},
                          {"role": "assistant", "content": "答"}]},
            Writing("问\n", "答"),
        ),
        (
            {"conversations": [{"from": "human", "value": "问"}, {"from": "gpt", "value": "答"}]},
            Writing("问\n", "答"),
        ),
        ({"instruction": "do", "input": "this", "output": "done"}, Writing("do\nthis\n", "done")),
        ({"instruction": "do", "input": "", "output": "done"}, Writing("do\n", "done")),
    ],
)  # fmt: skip
def test_objects(tmp_path: Path, row: dict[str, Any], writing: Writing) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(row), "utf-8")
    assert list(writings(path, Account(path))) == [writing]


def test_other_files(tmp_path: Path) -> None:
    for name, content in (("a.txt", "一\tx\n\n二\n"), ("a.csv", "label,text\n1,一\tx\n0,二\n")):
        path = tmp_path / name
        path.write_text(content, "utf-8")
        assert [w.text for w in writings(path, Account(path))] == ["一\tx", "二"]


@pytest.mark.parametrize("label", ["5", "-1", "pos"])
def test_labels_of_any_kind_are_not_read(tmp_path: Path, label: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"text,label\n一,{label}\n", "utf-8")
    account = Account(path)
    assert list(writings(path, account)) == [Writing("", "一")]
    assert (account.good, account.bad) == (1, 0)


def test_what_has_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": " "}\n{"messages": "x"}\n{"completion": 3}\n', "utf-8")
    account = Account(path)
    assert list(writings(path, account)) == []
    whys = [row.why for row in account.shown]
    assert "has no text" in whys[0] and "not a list" in whys[1] and "has no text" in whys[2]


def test_the_best_of_a_list_may_have_been_cut_off() -> None:
    ranked = Ranked("P", (("a", "b"), ("c",)), frozenset({"a", "c"}))
    assert list(best_of(ranked)) == [Writing("P", "a", True), Writing("P", "b", False)]

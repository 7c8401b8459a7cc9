"""Folders on their way, and a worker that is asked without a cluster between."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hitl.cluster import files
from hitl.cluster.worker import Worker
from hitl.config.session import SessionConfig
from hitl.learn.engine import LocalEngine
from hitl.manifest import Manifest
from hitl.records import LabelledGroup, Mode, Prompt


def told(worker: Worker) -> tuple[Any, list[Any]]:
    """The value of the call it is at, and what was told meanwhile."""
    heard: list[Any] = []
    while True:
        look = worker.look(1.0)
        heard += look.told
        if look.error is not None:
            raise look.error
        if look.done:
            return look.value, heard


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=50), st.integers(1, 9))
def test_a_file_arrives_as_it_left_whatever_the_size_of_a_piece(
    tmp_path: Path, content: bytes, size: int
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir(exist_ok=True)
    (here / "a").write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "PIECE", size)
        for offset in range(0, max(len(content), 1), size):
            files.write_piece(there, "sub/a", offset, files.read_piece(here, "a", offset))
    assert (there / "sub" / "a").read_bytes() == content


def test_a_piece_out_of_its_place_is_refused(tmp_path: Path) -> None:
    files.write_piece(tmp_path, "a", 0, b"12")
    with pytest.raises(OSError, match="has 2 bytes, and a piece for 4 came"):
        files.write_piece(tmp_path, "a", 4, b"5")


@pytest.mark.parametrize("name", ["../a", "/a", "", "b/../../a"])
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="is no file of"):
        files.write_piece(tmp_path / "in", name, 0, b"x")
    assert list(tmp_path.iterdir()) == []


def test_of_a_model_what_can_be_loaded_is_sent_and_no_pickle(policy: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("config.json", "model.safetensors", "pytorch_model.bin", "own.py", "old.pt"):
        (folder / name).write_text("x")
    assert set(files.model_files(folder)) == {"config.json", "model.safetensors", "own.py"}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(files.model_files(policy))


def test_a_policy_that_was_sent_learns_as_one_that_lies_here(
    policy: Path, config: SessionConfig, tmp_path: Path
) -> None:
    local = LocalEngine(policy, config, lambda *told: None)
    worker = Worker()
    names = files.model_files(policy)
    try:
        assert worker.holds(str(policy), Manifest.of_files(policy, names))
        assert not worker.holds(str(tmp_path), Manifest.of_files(policy, names))
        for name in names:
            worker.receive("base", name, 0, files.read_piece(policy, name, 0))
        worker.begin_build("base", "sent", config)
        version, heard = told(worker)
        assert version == 0 and ("progress", ("load", 2, 2)) in heard
        worker.begin("sample", ([Prompt("the film was", 1)], 2, 1))
        groups, heard = told(worker)
        assert groups == local.sample([Prompt("the film was", 1)], 2, 1)
        assert ("progress", ("sample", 1, 1)) in heard
        batch = [LabelledGroup(groups[0], (5.0, 1.0), "op", Mode.SCORE)]
        worker.begin("update", (1, batch, None))
        assert told(worker)[0].digest == local.update(1, batch).digest
        worker.begin("update", (7, batch, None))
        with pytest.raises(Exception, match="update 7 asked of a policy that is at 1"):
            told(worker)
        worker.begin_save("save")
        manifest, _ = told(worker)
        for name in manifest.files:
            files.write_piece(tmp_path / "saved", name, 0, worker.give("save", name, 0))
        assert manifest.problem(tmp_path / "saved") is None
    finally:
        worker.close()

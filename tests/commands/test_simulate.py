"""Whose run a simulated operator goes on with."""

from __future__ import annotations

from pathlib import Path

import pytest

from hitl import cli
from hitl.journal import Journal
from hitl.rundir import RunDir
from tests.journal_data import group, judgement


def test_a_run_of_larger_groups_asks_for_more_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Figures of no text at all would be 0."""
    monkeypatch.chdir(tmp_path)
    RunDir.create(Path("checkpoints"), "g8", {"options": {"lang": "zh", "group_size": 8}})
    assert cli.main(["simulate", "--run", "g8", "--samples", "6", "--labels", "8"]) == 2
    said = capsys.readouterr().err
    assert "--samples 6 is too small: at least one group, which has 8 in run g8" in said


def test_a_run_that_a_person_judged_is_not_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run = RunDir.create(Path("checkpoints"), "mine", {"options": {"lang": "zh"}})
    with Journal.open(run.journal_path) as journal:
        journal.add_groups([group(1)])
        journal.append(judgement(1))
    before = run.journal_path.read_bytes()
    assert cli.main(["simulate", "--run", "mine", "--labels", "8"]) == 2
    said = capsys.readouterr().err
    assert "run mine was judged by " in said and "take another --run NAME" in said
    assert said.count("\n") == 1 and run.journal_path.read_bytes() == before

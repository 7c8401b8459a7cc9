"""`hitl show`: a run in figures, in words, as JSON and as pictures."""

from __future__ import annotations

import json
import math
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from hitl import cli
from hitl.journal import Journal
from hitl.records import Scores, Skip
from hitl.rundir import RunDir
from tests.journal_data import group, judgement, stats

PICTURES = {"reward.png", "kl.png", "entropy.png", "losses.png", "timing.png"}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunDir:
    """Four groups of three: two learned from, one waits, one skipped."""
    monkeypatch.chdir(tmp_path)
    options = {"lang": "zh", "batch_size": 2, "group_size": 3}
    made = RunDir.create(Path("checkpoints"), "mine", {"options": options})
    with Journal.open(made.journal_path) as journal:
        journal.add_groups([group(n) for n in range(1, 5)])
        judged = [
            journal.append(judgement(n, verdict=Scores((5.0, None, float(n))))) for n in (1, 2, 3)
        ]
        journal.append(judgement(4, verdict=Skip()))
        journal.record_update(stats(1), judged[:1])
        journal.record_update(replace(stats(2, 4.0), sequence_kl=30.0, lr=7e-4), judged[1:2])
    return made


def test_the_figures_of_a_run(run: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["show", "mine"]) == 0
    said = capsys.readouterr().out
    head, totals, _, names, first, second, *rest = said.splitlines()
    assert head == "mine: tiny-zh, scores 1-5, groups of 3, 2 labels an update"
    assert totals.startswith("2 updates of 6 labels, 2 waiting; 4 groups; written ")
    assert "damaged: " in totals  # no checkpoint was written here
    assert names.split() == [
        "update", "labels", "reward", "KL", "entropy", "value", "loss", "clipped", "lr", "s",
    ]  # fmt: skip
    assert first.split()[:6] == ["1", "2", "1.50", "±", "0.1", "0.20"]
    assert second.split()[:6] == ["2", "2", "4.00", "±", "0.1", "30.00"]
    text = "\n".join(rest)
    assert "update 1: 慢" in text
    assert "4 judgements, 6 labels" in text and "skipped 25%" in text
    assert "! KL over target: KL 30.0 nats a completion, target 6" in text
    assert all(f"checkpoints/mine/plots/{name}" in text for name in PICTURES)


@pytest.mark.parametrize(("columns", "tty"), [(30, True), (60, True), (80, True), (60, False)])
def test_no_number_is_cut_at_any_width(
    run: RunDir,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    columns: int,
    tty: bool,
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: tty)
    assert cli.main(["show", "mine"]) == 0
    table = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).split("update 1:")[0]
    assert "…" not in table
    for figure in ("1.50", "±", "0.1", "30.00", "7.0e-04", "entropy", "value", "loss"):
        assert figure in table
    lines = table.splitlines()[3:]
    if tty and columns >= 60:
        assert max(map(len, lines)) <= columns
    if not tty:
        assert len(lines) == 3


def test_its_curves_are_pictures(run: RunDir) -> None:
    assert cli.main(["show", "mine"]) == 0
    found = {path.name: path.read_bytes() for path in (run.path / "plots").iterdir()}
    assert set(found) == PICTURES
    assert all(data.startswith(b"\x89PNG") for data in found.values())


def test_as_json(run: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    with Journal.open(run.journal_path) as journal:
        waiting = [judged.id for judged in journal.pending()][:1]
        journal.record_update(replace(stats(3), reward=math.nan), waiting)
    assert cli.main(["show", "mine", "--json"]) == 0
    line = capsys.readouterr().out
    found = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert line.count("\n") == 1
    assert found["run"] == "mine" and found["updates"] == 3 and found["labels"] == 6
    assert (found["judgements"], found["pending_labels"], found["seconds"]) == (4, 0, 9.0)
    assert [update["reward"] for update in found["history"]] == [1.5, 4.0, None]
    assert found["operator"]["skipped"] == 0.25
    assert [alarm["name"] for alarm in found["alarms"]] == ["steps too long"]
    assert {Path(path).name for path in found["plots"]} == PICTURES


def test_only_the_newest_updates_are_listed(
    run: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["show", "mine", "--last", "1"]) == 0
    said = capsys.readouterr().out
    assert "30.00" in said and "0.20" not in said
    assert cli.main(["show", "mine", "--last", "0"]) == 0
    assert "clipped" not in capsys.readouterr().out


def test_a_run_that_has_only_begun(run: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    RunDir.create(Path("checkpoints"), "new", {"options": {"lang": "en", "mode": "rank"}})
    assert cli.main(["show", "new"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "new: tiny-en, judged by rank, groups of 4, 16 labels an update"
    assert said[1].startswith("0 updates of 0 labels, 0 waiting; 0 groups; ")
    assert len(said) == 2 and not (Path("checkpoints/new/plots")).exists()


def test_what_cannot_be_shown_is_one_line(run: RunDir, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["show", "nobody"]) == 2
    assert "`hitl runs` lists" in capsys.readouterr().err
    assert cli.main(["show", "mine", "--last", "-1"]) == 2
    assert "--last" in capsys.readouterr().err
    run.journal_path.write_bytes(b"nothing of the kind" * 100)
    assert cli.main(["show", "mine"]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "journal" in said

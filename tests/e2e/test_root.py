"""A run in a folder of its own: simulated, compared, exported and labelled there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hitl.cli import main
from hitl.journal import Journal
from hitl.records import Skip

SMALL = ("--group-size", "4", "--batch-size", "12", "--max-new-tokens", "6", "--threads", "1")


@pytest.fixture
def told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Any:
    """Runs a command in the test's folder; gives what it printed."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> str:
        assert main(list(words)) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    return run


def test_an_unsteady_judge_and_a_gold_scorer_of_its_own(told: Any, tmp_path: Path) -> None:
    made = told(
        "simulate", "--operator", "sentiment-zh", "--gold", "sentiment-en", "--lang", "zh", *SMALL,
        "--labels", "24", "--skip", "0.3", "--tie", "0.5", "--mistake", "0.5", "--drift", "1",
        "--mode", "rank", "--noise", "0", "--samples", "4", "--root", "runs",
        "--run", "a", "--json",
    )  # fmt: skip
    figures = json.loads(made.splitlines()[-1])
    with Journal.open(tmp_path / "runs" / "a" / "journal.db", readonly=True) as journal:
        verdicts = [judged.judgement.verdict for judged in journal.judged()]
    skips = sum(isinstance(verdict, Skip) for verdict in verdicts)
    assert figures["labels"] == 24 and figures["updates"] == 2
    assert skips > 0 and len(verdicts) == 6 + skips == figures["judgements"]
    ranks = [verdict.ranks for verdict in verdicts if not isinstance(verdict, Skip)]
    assert any(len(set(one)) < 4 for one in ranks), "some are tied"
    assert not (tmp_path / "checkpoints").exists()

    [listed] = json.loads(told("runs", "--root", "runs", "--json"))
    assert (listed["run"], listed["labels"]) == ("a", 24)

    words = ("compare", "a", "--n", "4", "--show", "1", "--root", "runs")
    first, same = told(*words, "--markdown"), told(*words, "--markdown", "--seed", "0")
    assert first == same != told(*words, "--markdown", "--seed", "1")
    assert "| reward, mean |" in first

    told("export", "a", "--format", "preferences", "--out", "pairs.jsonl", "--root", "runs")
    assert (tmp_path / "pairs.jsonl").stat().st_size > 0
    agreement = told("reward", "eval", "sentiment-zh", "a", "--root", "runs", "--json")
    assert json.loads(agreement)["lists"] > 0


def test_auto_takes_a_folder_for_its_runs(told: Any, tmp_path: Path) -> None:
    words = ("--lang", "zh", "--updates", "1", "--root", "runs", "--run", "b", "--json")
    assert json.loads(told("auto", *SMALL, *words).splitlines()[-1])["updates"] == 1
    assert (tmp_path / "runs" / "b" / "steps" / "000001").is_dir()

"""`hitl label`: judgements and rank lists, and a policy that stays as it was."""

from __future__ import annotations

import json
from pathlib import Path

from .conftest import Hitl

SMALL = ("--group-size", "3", "--batch-size", "3", "--max-new-tokens", "6")


def test_rankings_become_rank_lists_and_no_update(hitl: Hitl, tmp_path: Path) -> None:
    done = hitl("label", "--lang", "zh", *SMALL, "--run", "a", typed="3 1 2\n2>1=3\nskip\n")
    assert done.returncode == 0, done.stderr
    assert "6 labels" in done.stdout and "batch" not in done.stdout
    assert "rank lists: " in done.stderr and "ranklist.tsv" in done.stderr
    run = tmp_path / "checkpoints" / "a"
    first = (run / "ranklist.tsv").read_text("utf-8").splitlines()
    assert [len(line.split("\t")) for line in first] == [3, 2]
    assert not list((run / "steps").iterdir())

    done = hitl("resume", "a", typed="1 2 3\n")
    assert done.returncode == 0, done.stderr
    lines = (run / "ranklist.tsv").read_text("utf-8").splitlines()
    assert lines[:2] == first and len(lines) == 3
    [listed] = json.loads(hitl("runs", "--json").stdout.splitlines()[-1])
    assert (listed["updates"], listed["labels"]) == (0, 9)


def test_it_takes_scores_too(hitl: Hitl, tmp_path: Path) -> None:
    done = hitl("label", "--lang", "en", "--mode", "score", *SMALL, "--run", "a", typed="1 5 3\n")
    assert done.returncode == 0, done.stderr
    [line] = (tmp_path / "checkpoints/a/ranklist.tsv").read_text("utf-8").splitlines()
    assert len(line.split("\t")) == 3

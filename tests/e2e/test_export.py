"""Labels and policy leave the program, and other tools read them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from .conftest import Hitl, runner

SMALL = ("--group-size", "3", "--batch-size", "6", "--max-new-tokens", "6")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with run a: two groups, one update, one group that waits."""
    folder = tmp_path_factory.mktemp("made")
    done = runner(folder)(
        "train", "--plain", "--lang", "zh", *SMALL, "--run", "a", typed="1 5 3\n2 2 4\n3 3 3\n"
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def run(hitl: Hitl, made: Path, tmp_path: Path) -> Hitl:
    """`hitl` in a folder of the test's own that has run a."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return hitl


def exported(hitl: Hitl, form: str, out: str) -> str:
    done = hitl("export", "a", "--format", form, "--out", out)
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_every_format_of_the_labels(run: Hitl, tmp_path: Path) -> None:
    assert "2 rank lists of 3 judgements" in exported(run, "ranklist", "out/lists.tsv")
    lists = [
        line.split("\t") for line in (tmp_path / "out/lists.tsv").read_text("utf-8").splitlines()
    ]
    assert [len(fields) for fields in lists] == [3, 2]

    assert "5 pairs" in exported(run, "preferences", "pairs.jsonl")
    pairs = [
        json.loads(line) for line in (tmp_path / "pairs.jsonl").read_text("utf-8").splitlines()
    ]
    assert [tuple(pair) for pair in pairs] == [("prompt", "chosen", "rejected")] * 5
    assert pairs[0]["prompt"] + pairs[0]["chosen"] == lists[0][0]
    assert pairs[2]["prompt"] + pairs[2]["rejected"] == lists[0][2]

    assert "9 labels of 3 judgements" in exported(run, "scores", "scores.jsonl")
    rows = [
        json.loads(line) for line in (tmp_path / "scores.jsonl").read_text("utf-8").splitlines()
    ]
    assert [row["score"] for row in rows] == [1, 5, 3, 2, 2, 4, 3, 3, 3]
    assert [row["label"] for row in rows[:3]] == [0, 1, 0.5]
    exported(run, "parquet", "scores.parquet")
    assert pq.read_table(tmp_path / "scores.parquet").to_pylist() == rows

    for encoding in ("utf-8", "latin-1"):  # of the terminal: not that of a file
        done = run("export", "a", "--format", "ranklist", "--out", "-", PYTHONIOENCODING=encoding)
        assert done.stdout == (tmp_path / "out/lists.tsv").read_text("utf-8")


def test_the_policy_is_the_newest_and_loads(run: Hitl, tmp_path: Path) -> None:
    assert "the policy after update 1" in exported(run, "policy", "mine")
    ours = AutoModelForCausalLM.from_pretrained(tmp_path / "mine")
    kept = AutoModelForCausalLM.from_pretrained(tmp_path / "checkpoints/a/steps/000001/policy")
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), kept.parameters(), strict=True))
    assert AutoTokenizer.from_pretrained(tmp_path / "mine").encode("很好")


def test_the_policy_of_a_run_without_an_update_is_the_base(hitl: Hitl, tmp_path: Path) -> None:
    hitl("train", "--plain", "--lang", "zh", *SMALL, "--run", "a", typed="1 5 3\n")
    assert "the run has had no update yet" in exported(hitl, "policy", "mine")
    assert (tmp_path / "mine" / "model.safetensors").is_file()


def test_nothing_is_overwritten_unasked(run: Hitl, tmp_path: Path) -> None:
    kept = tmp_path / "kept.tsv"
    kept.write_text("mine")
    done = run("export", "a", "--format", "ranklist", "--out", "kept.tsv")
    assert (done.returncode, kept.read_text()) == (2, "mine")
    assert "kept.tsv is there already: another --out, or --force" in done.stderr
    done = run("export", "a", "--format", "ranklist", "--out", "kept.tsv", "--force")
    assert done.returncode == 0
    assert kept.read_text("utf-8").count("\n") == 2


def test_a_policy_takes_the_place_of_a_model_and_of_nothing_else(run: Hitl, tmp_path: Path) -> None:
    for there in (".", "checkpoints", "checkpoints/a"):
        done = run("export", "a", "--format", "policy", "--out", there, "--force")
        assert done.returncode == 2 and f"{there} is there and no model folder" in done.stderr
    assert (tmp_path / "checkpoints/a/journal.db").is_file()
    exported(run, "policy", "mine")
    again = run(
        "export", "a", "--format", "policy", "--out", "mine", "--force", "--root", "checkpoints"
    )
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "mine" / "model.safetensors").is_file()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("b", "--format", "ranklist", "--out", "x"), 2, "there is no run b"),
        (("a", "--format", "policy", "--out", "-"), 2, "cannot go to standard output"),
        (("a", "--format", "xml", "--out", "x"), 2, "ranklist"),
        (("a", "--format", "scores", "--out", "/proc/none/x"), 1, "could not be written"),
    ],
)
def test_what_cannot_be_is_one_line(
    run: Hitl, arguments: tuple[str, ...], code: int, message: str
) -> None:
    done = run("export", *arguments)
    assert done.returncode == code
    assert message in done.stderr and len(done.stderr.strip().splitlines()) == 1

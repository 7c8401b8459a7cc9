"""Which folder, or hub id, the name of a model means."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from hitl import models
from hitl.errors import HitlError, UsageError
from hitl.models import resolve


def model(folder: Path, *files: str, config: bool = True) -> Path:
    """A folder that looks like a model's."""
    folder.mkdir(parents=True)
    if config:
        (folder / "config.json").write_text("{}")
    for name in files:
        (folder / name).write_bytes(b"weights")
    return folder


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """./checkpoints of an empty folder one is in."""
    monkeypatch.chdir(tmp_path)
    return Path("checkpoints")


def refusal(name: str, root: Path) -> str:
    with pytest.raises(HitlError) as caught:
        resolve(name, root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_path_comes_before_a_name_in_checkpoints(root: Path) -> None:
    model(Path("mine"), "model.safetensors")
    model(root / "mine", "model.safetensors")
    assert resolve("mine", root) == Path("mine")
    assert resolve("./mine", root) == Path("mine")
    assert resolve("checkpoints/mine", root) == root / "mine"
    assert resolve(str(Path("mine").absolute()), root) == Path("mine").absolute()


def test_a_name_in_checkpoints_comes_before_a_shipped_one(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = model(Path("elsewhere/tiny-zh"), "model.safetensors")
    monkeypatch.setattr(models, "shipped", lambda kind, name: shipped)
    assert resolve("tiny-zh", root) == shipped
    model(root / "tiny-zh", "model.safetensors")
    assert resolve("tiny-zh", root) == root / "tiny-zh"


def test_a_run_does_not_hide_a_shipped_model(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = model(Path("elsewhere/tiny-zh"), "model.safetensors")
    monkeypatch.setattr(models, "shipped", lambda kind, name: shipped)
    model(root / "tiny-zh", "journal.db")
    assert resolve("tiny-zh", root) == shipped


def test_the_home_folder(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(Path.cwd()))
    model(Path("mine"), "model.safetensors")
    assert resolve("~/mine", root) == Path.cwd() / "mine"


@pytest.mark.parametrize(
    "name", ["uer/gpt2-chinese-cluecorpussmall", "openai-community/gpt2", "gpt2", "a/b.c_d-e"]
)
def test_hub_ids(root: Path, name: str) -> None:
    assert resolve(name, root) == name


@pytest.mark.parametrize(
    "name",
    ["", "  ", "nope", "tiny", "./nope", "/nope/x", "a/b/c", "org/", "/b", "a b/c", "a\0b",
     "~nobody-of-that-name/x", "n" * 5000, "../nope", "-x/y", "组织/模型"],
)  # fmt: skip
def test_anything_else_is_refused_with_the_choices(root: Path, name: str) -> None:
    said = refusal(name, root)
    assert "tiny-zh, tiny-en, sentiment-zh, sentiment-en" in said
    assert "folder" in said and len(said) < 300


def test_a_missing_folder_of_a_folder_that_is_there_is_no_hub_id(root: Path) -> None:
    root.mkdir()
    assert "no model 'checkpoints/nope' here" in refusal("checkpoints/nope", root)


def test_a_shipped_model_that_is_gone(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "shipped", lambda kind, name: None)
    assert "tiny-zh is missing from this installation" in refusal("tiny-zh", root)


def test_folders_that_hold_no_model(root: Path) -> None:
    model(Path("empty"), config=False)
    model(Path("bare"))
    model(Path("pickled"), "pytorch_model.bin")
    model(Path("hollow"))
    Path("hollow/model.safetensors").touch()
    Path("file").touch()
    model(root / "bad")
    model(root / "run", "journal.db")
    assert "empty has no config.json" in refusal("empty", root)
    assert "bare has no weights (model.safetensors is missing" in refusal("bare", root)
    assert "hollow has no weights" in refusal("hollow", root)
    assert "pickled has pickled weights only" in refusal("pickled", root)
    assert "file is a file" in refusal("file", root)
    assert "bad has no weights" in refusal("bad", root)
    assert "run is a run, not a model" in refusal("run", root)


def test_weights_in_shards(root: Path) -> None:
    folder = model(Path("big"), "a.safetensors")
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"x": "a.safetensors", "y": "b.safetensors"}}))
    assert "b.safetensors is missing" in refusal("big", root)
    (folder / "b.safetensors").write_bytes(b"weights")
    assert resolve("big", root) == folder
    for bad in ("[]", "{", '{"weight_map": 1}', '{"weight_map": {}}', "\0"):
        index.write_text(bad)
        with pytest.raises(UsageError):
            resolve("big", root)


def test_pickles_beside_safetensors_do_no_harm(root: Path) -> None:
    folder = model(Path("both"), "pytorch_model.bin", "model.safetensors")
    assert resolve("both", root) == folder


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_may_not_be_read(root: Path) -> None:
    model(Path("closed/inner"), "model.safetensors")
    os.chmod("closed", 0)
    try:
        assert "closed" in refusal("closed/inner", root)
    finally:
        os.chmod("closed", 0o700)


@pytest.mark.parametrize(
    ("architecture", "policy", "scorer"),
    [
        ("GPT2LMHeadModel", True, False),
        ("Qwen3ForCausalLM", True, False),
        ("GPT2Model", True, False),
        ("T5ForConditionalGeneration", True, False),
        ("BertForSequenceClassification", False, True),
        ("GPT2ForSequenceClassification", False, True),
        ("InternLM2ForRewardModel", False, True),
        ("BertForMaskedLM", False, False),
        (None, True, True),
    ],
)
def test_what_a_model_is_for(
    root: Path, architecture: str | None, policy: bool, scorer: bool
) -> None:
    """transformers would draw the head that is lacking at random, and say nothing."""
    folder = model(Path("mine"), "model.safetensors")
    if architecture is not None:
        (folder / "config.json").write_text(json.dumps({"architectures": [architecture]}))
    uses: list[tuple[models.Use, bool]] = [("policy", policy), ("scorer", scorer)]
    for use, fits in uses:
        if fits:
            assert resolve("mine", root, use) == folder
            continue
        with pytest.raises(UsageError, match=f"^mine .*{architecture}.*: give a "):
            resolve("mine", root, use)
    assert resolve("mine", root) == folder

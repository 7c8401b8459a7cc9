"""`hitl pretrain` from the command line: a policy of one's own texts, gone on with, and taught."""

from __future__ import annotations

import json
from pathlib import Path

from .conftest import inside

SIZE = (
    "--layers", "1", "--width", "16", "--heads", "2", "--positions", "64", "--vocab", "300",
    "--max-tokens", "32", "--batch-tokens", "256", "--steps", "4", "--warmup-steps", "1",
    "--lr", "0.01", "--optimizer", "adamw", "--weight-decay", "0", "--dropout", "0.1",
    "--save-every", "2", "--eval-every", "2", "--precision", "fp32", "--device", "cpu",
    "--seed", "7",
)  # fmt: skip


def test_a_policy_of_ones_own_texts(tmp_path: Path) -> None:
    lines = [f"第{i}天的天气很好，我们去了{i}次公园。" for i in range(40)]
    (tmp_path / "texts.txt").write_text("\n".join(lines), "utf-8")
    (tmp_path / "more.txt").write_text("\n".join(lines[:8]), "utf-8")
    code, said, progress = inside(
        tmp_path, "pretrain", "texts.txt", "--lang", "zh", "--out", "general", *SIZE
    )
    assert code == 0, progress
    assert said.startswith("general: ") and "held out: " in said
    assert "step 4/4" in progress and "step 2/4" in progress
    config = json.loads((tmp_path / "general" / "config.json").read_text())
    shape = {"n_layer": 1, "n_embd": 16, "n_head": 2, "n_positions": 64}
    assert shape.items() <= config.items()
    assert not (tmp_path / "general.training").exists()

    code, said, progress = inside(
        tmp_path, "pretrain", "texts.txt", "--lang", "zh", "--out", "own", "--init", "general",
        "--also", "more.txt", *SIZE,
    )  # fmt: skip
    assert code == 0 and said.startswith("own: "), progress
    code, said, errors = inside(
        tmp_path, "sft", "texts.txt", "--out", "styled", "--policy", "own", "--max-tokens", "32",
        "--epochs", "1", "--heldout", "0.25", "--warmup", "0.5", "--lora-rank", "2",
        "--gradient-checkpointing", "--device", "cpu", "--precision", "fp32", "--json",
    )  # fmt: skip
    assert code == 0, errors
    assert json.loads(said.splitlines()[-1])["texts"] == 30
    merged = json.loads((tmp_path / "styled" / "config.json").read_text())
    assert shape.items() <= merged.items()

"""SFT and DPO lower the loss on what they did not see, and a session goes on from the result."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM

from .conftest import Hitl, Told, inside
from .interrupting import come_to_the_same

ROOT = Path(__file__).parents[2]
QUICK = ("--max-tokens", "48", "--device", "cpu", "--precision", "fp32", "--epochs", "1")
THINGS = ["房间", "早餐", "屏幕", "键盘", "物流", "客服", "价格", "位置"]


def style(count: int) -> list[str]:
    dice = random.Random(0)
    return [f"总之，{dice.choice(THINGS)}和{dice.choice(THINGS)}都很满意！" for _ in range(count)]


def test_sft_learns_a_style_and_a_session_goes_on_from_it(
    hitl: Hitl, told: Told, tmp_path: Path
) -> None:
    rows = [{"prompt": text[:3], "completion": text[3:]} for text in style(64)]
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    (tmp_path / "texts.jsonl").write_text("\n".join([*lines, "no JSON"]), "utf-8")
    refused = hitl("sft", "texts.jsonl", "--out", "styled", *QUICK)
    assert refused.returncode == 2 and "1 bad row of 65 (line 65 is not JSON" in refused.stderr
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "base").symlink_to(ROOT / "checkpoints" / "tiny-zh")
    found = told(
        "sft", "texts.jsonl", "--out", "styled", "--bad-rows", "skip", "--seed", "3",
        "--batch-size", "8", "--lr", "4e-4", "--policy", "base", "--root", "models", *QUICK,
    )  # fmt: skip
    assert found["texts"] == 56 and found["loss_after"] < 0.6 * found["loss_before"]
    assert (tmp_path / "styled" / "curve.png").is_file()
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "styled").num_parameters() > 5e6

    (tmp_path / "prompts.txt").write_text("总之，\n", "utf-8")
    done = hitl(
        "train", "--plain", "--policy", "styled", "--lang", "zh", "--prompts", "prompts.txt",
        "--group-size", "4", "--max-new-tokens", "12", "--run", "a", typed="1 2 3 4\n",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("满意") >= 2


def test_dpo_learns_from_a_file(hitl: Hitl, tmp_path: Path) -> None:
    dice = random.Random(0)
    lines = []
    for _ in range(64):
        thing = dice.choice(THINGS)
        lines.append(json.dumps({"question": "评价", "response_chosen": f"{thing}很好，喜欢。",
                                 "response_rejected": f"{thing}太差，失望。"}))  # fmt: skip
    (tmp_path / "pairs.jsonl").write_text("\n".join(lines), "utf-8")
    done = hitl("dpo", "pairs.jsonl", "--out", "better", "--lr", "2e-4", "--beta", "0.2",
                "--json", *QUICK)  # fmt: skip
    assert done.returncode == 0 and "Warning" not in done.stderr, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert 0.68 < found["loss_before"] < 0.70
    assert found["loss_after"] < 0.4 and found["accuracy"] > 0.9


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("command", ["sft", "dpo"])
def test_an_interrupted_training_goes_on(command: str, tmp_path: Path) -> None:
    rows = [f"{text[:-3]}很满意！\t{text[:-3]}不满意。" for text in style(24)]
    (tmp_path / "lists.tsv").write_text("\n".join(rows) + "\n", "utf-8")
    words = (command, "lists.tsv", "--batch-size", "4", *QUICK)

    def meanwhile() -> None:
        (tmp_path / "lists.tsv").write_text("\n".join(rows[:16]) + "\n", "utf-8")
        code, _, said = inside(tmp_path, *words, "--out", "parts")
        assert code == 2 and "unfinished run on other data" in said.splitlines()[-1]
        (tmp_path / "lists.tsv").write_text("\n".join(rows) + "\n", "utf-8")
        # As a kill leaves it in the middle of a checkpoint.
        (tmp_path / "parts.training" / "checkpoint-999").mkdir()

    come_to_the_same(tmp_path, words, "hitl.commands.tune.progress", 5, meanwhile=meanwhile)


@pytest.mark.slow
def test_a_runs_labels_teach_by_dpo_with_adapters_and_compare_shows_it(
    told: Told, tmp_path: Path
) -> None:
    told("simulate", "--operator", "sentiment-zh", "--labels", "48", "--mode", "rank",
         "--noise", "0", "--group-size", "4", "--batch-size", "200", "--samples", "4",
         "--max-new-tokens", "8", "--run", "a", "--threads", "1")  # fmt: skip
    found = told("dpo", "a", "--out", "better", "--lora-rank", "4", "--lr", "5e-3", *QUICK)
    assert found["pairs"] == 66 and found["loss_after"] < found["loss_before"]
    names = {path.name for path in (tmp_path / "better").iterdir()}
    assert "model.safetensors" in names and not [n for n in names if n.startswith("adapter")]
    compared = told("compare", "a", "--policy", "better", "--n", "16")
    assert compared["named"] == "better" and abs(compared["sequence_kl"]) > 0.01
    assert any(s["before"] != s["after"] for s in compared["samples"])
    code, _, said = inside(tmp_path, "compare", "a", "--policy", "tiny-en", "--n", "4")
    assert code == 2 and "another tokeniser" in said

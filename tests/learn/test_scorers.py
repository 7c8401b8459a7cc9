"""Which label is the good one, what a score is, and one output out of two."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForSequenceClassification

from hitl.learn.heads import load_for_rewards
from hitl.learn.reward_model import calibration
from hitl.learn.scorers import batches, load_scorer, logits_of, positive_label

ROOT = Path(__file__).parents[2]
SENTIMENT = ROOT / "checkpoints" / "sentiment-zh"
TEXTS = ["酒店很好，很喜欢", "太差了，再也不来", "一般。", "房间很干净，服务也很好，位置很方便" * 3]


class Config:
    def __init__(self, *names: str) -> None:
        self.id2label = dict(enumerate(names))


def test_the_good_label_by_the_names_in_use() -> None:
    jd = Config("negative (stars 1, 2 and 3)", "positive (stars 4 and 5)")
    assert positive_label(jd) == 1
    assert positive_label(Config("POSITIVE", "NEGATIVE")) == 0
    assert positive_label(Config("LABEL_0", "LABEL_1")) == 1
    assert positive_label(Config("LABEL_0")) is None
    with pytest.raises(ValueError, match="joy, anger"):
        positive_label(Config("joy", "anger"))


def test_a_score_is_a_probability_or_the_raw_logit_and_batches_change_nothing() -> None:
    likely = load_scorer(SENTIMENT, precision="fp32")
    raw = load_scorer(SENTIMENT, raw=True, precision="fp32")
    assert likely.bounded and not raw.bounded
    scores = likely(TEXTS)
    assert all(0 <= score <= 1 for score in scores) and scores[0] > 0.7 > 0.3 > scores[1]
    logits = raw(TEXTS)
    assert logits[0] > 0 > logits[1] and min(logits) < -1
    one_by_one = [likely([text])[0] for text in TEXTS]
    assert scores == pytest.approx(one_by_one, abs=1e-5)


def test_scores_in_bf16_are_nearly_the_same_and_no_coarser() -> None:
    dice = random.Random(0)
    texts = [
        "".join(dice.choices("酒店房间很好太差早餐，。", k=dice.randint(4, 40))) for _ in range(64)
    ]
    exact = load_scorer(SENTIMENT, raw=True, precision="fp32")(texts)
    short = load_scorer(SENTIMENT, raw=True, precision="bf16")(texts)
    assert short == pytest.approx(exact, abs=0.05) and short != exact
    assert len(set(short)) == len(set(exact)) == 64


@given(st.lists(st.integers(1, 300), max_size=60), st.integers(1, 9), st.integers(8, 600))
def test_batches_hold_every_text_once_within_their_bounds(
    lengths: list[int], most: int, budget: int
) -> None:
    found = list(batches(lengths, most, budget))
    assert sorted(i for batch in found for i in batch) == list(range(len(lengths)))
    for batch in found:
        longest = max(lengths[i] for i in batch)
        assert len(batch) <= most and (len(batch) == 1 or len(batch) * longest <= budget)
    order = [lengths[i] for batch in found for i in batch]
    assert order == sorted(lengths)


@pytest.mark.filterwarnings("ignore")
def test_a_scorer_of_two_classes_keeps_its_log_odds_as_reward() -> None:
    model, tokenizer = load_for_rewards(SENTIMENT, 64, seed=0)
    assert model.config.num_labels == 1 and tokenizer.model_max_length == 64
    model.train(False)
    rewards = logits_of(model, tokenizer, TEXTS[:3]).squeeze(-1)
    two = AutoModelForSequenceClassification.from_pretrained(SENTIMENT, dtype=torch.float32)
    two.train(False)
    logits = logits_of(two, tokenizer, TEXTS[:3])
    assert torch.allclose(rewards, logits[:, 1] - logits[:, 0], atol=1e-5)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["tiny-zh", "tiny-en"])
def test_a_causal_model_gets_a_head_that_sees_the_whole_text(name: str) -> None:
    model, tokenizer = load_for_rewards(ROOT / "checkpoints" / name, 64, seed=0)
    model.train(False)
    texts = ["很好 good", "很好 bad", "x"]
    together = logits_of(model, tokenizer, texts)
    assert "token_type_ids" not in tokenizer("好")
    alone = torch.cat([logits_of(model, tokenizer, [text]) for text in texts])
    assert torch.allclose(together, alone, atol=1e-5)
    assert together[0] != together[1]
    again, _ = load_for_rewards(ROOT / "checkpoints" / name, 64, seed=0)
    again.train(False)
    assert torch.equal(logits_of(again, tokenizer, texts), together)


def test_calibration_of_a_model_that_knows_how_sure_it_is() -> None:
    draw = torch.Generator().manual_seed(0)
    gaps = torch.randn(20_000, generator=draw) * 2
    right = torch.rand(20_000, generator=draw) < torch.sigmoid(gaps.abs())
    signed = torch.where(right, gaps.abs(), -gaps.abs()).tolist()
    predicted, actual = calibration(signed)
    assert len(predicted) == 5 and predicted == sorted(predicted)
    assert actual == pytest.approx(predicted, abs=0.03)
    assert calibration([]) == ([], [])

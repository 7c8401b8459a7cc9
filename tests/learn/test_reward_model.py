"""What a reward model does not learn from."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import AutoTokenizer

from hitl.config.offline import PreferenceConfig
from hitl.config.reward import RewardTrainConfig
from hitl.data.ranked import Ranked
from hitl.errors import HitlError
from hitl.learn.reward_model import _encoded, train_reward_model

SCORER = Path(__file__).parents[2] / "checkpoints" / "sentiment-zh"


def test_judgements_of_one_text_alone_are_no_pairs(tmp_path: Path) -> None:
    config = RewardTrainConfig("a", tmp_path / "out", device="cpu")
    same = [Ranked("房间", (("很好",), ("很好",)))] * 3
    with pytest.raises(HitlError, match=r"^there are no pairs of different texts to learn from"):
        train_reward_model(config, PreferenceConfig(), SCORER, same)
    assert not list(tmp_path.iterdir())


def test_texts_that_are_one_when_they_are_cut_are_no_pair() -> None:
    tokenizer = AutoTokenizer.from_pretrained(SCORER)
    row = {"tiers": [["好" * 20 + "甲"], ["好" * 20 + "乙", "差"]]}
    found = []
    for limit in (8, 64):
        tokenizer.model_max_length = limit
        found.append(len(list(_encoded([row], tokenizer))))
    assert found == [1, 2]

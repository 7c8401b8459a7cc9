"""What SFT and DPO learn are the ids that a session samples."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hitl.config.offline import Dpo, Tuning
from hitl.data.ranked import Ranked
from hitl.errors import HitlError
from hitl.learn.policy import load_model
from hitl.learn.sft_dpo import _pair_rows, encode, train_dpo
from hitl.learn.tokens import Codec

ROOT = Path(__file__).parents[2]


def codec(name: str) -> Codec:
    return load_model(ROOT / "checkpoints" / name, torch.device("cpu")).codec


@pytest.mark.parametrize(
    ("name", "prompt", "text"),
    [("tiny-zh", "房间", "很好。"), ("tiny-en", "The film", " is good.")],
)
def test_ids_are_those_of_a_session(name: str, prompt: str, text: str) -> None:
    own = codec(name)
    ids, [ended, cut] = encode(own, prompt, [(text, True), (text, False)], 64)
    assert ids == list(own.encode_prompt(prompt, 32))
    assert ended == [*cut, own.eos_id] and own.eos_id not in cut
    assert own.decode(cut) == text
    if own.is_bert:
        assert ids[0] == own.tokenizer.cls_token_id and own.tokenizer.sep_token_id not in ids


def test_a_text_without_prompt_begins_where_a_policy_does() -> None:
    own = codec("tiny-zh")
    assert encode(own, "", [("好", True)], 64)[0] == [own.tokenizer.cls_token_id]
    english = codec("tiny-en")
    assert encode(english, "", [("good", True)], 64)[0] == [english.eos_id]


@pytest.mark.parametrize("limit", [8, 40, 10_000])
def test_what_is_too_long_is_cut_and_the_prompt_from_the_left(limit: int) -> None:
    own = codec("tiny-zh")
    prompt, text = "前" * 300 + "末", "好" * 20
    ids, [answer, short] = encode(own, prompt, [(text, True), ("差", True)], limit)
    assert len(ids) + len(answer) <= min(limit, own.context)
    assert len(ids) >= 1 and len(short) == 2
    assert len(answer) == min(21, limit - 1)
    if limit > 21:
        assert ids[-1] == own.encode_prompt("末", 8)[-1]


def test_judgements_of_one_text_alone_are_no_pairs(tmp_path: Path) -> None:
    """Two completions of a group may be the same, and be ranked all the same."""
    out = tmp_path / "out"
    same = [Ranked("房间", (("很好",), ("很好",)))] * 3
    with pytest.raises(HitlError, match=r"^there are no pairs of different texts to learn from"):
        train_dpo(Dpo(Tuning("a", out, device="cpu")), ROOT / "checkpoints" / "tiny-zh", same)
    assert not list(tmp_path.iterdir())


def test_texts_that_are_one_when_they_are_cut_are_no_pair() -> None:
    own = codec("tiny-zh")
    tiers = [["好" * 20 + "甲"], ["好" * 20 + "乙", "差"]]
    row = {"prompt": "", "tiers": tiers, "ended": []}
    found = {limit: len(list(_pair_rows(own, [row], limit))) for limit in (8, 64)}
    assert found == {8: 1, 64: 2}

"""An operator's text goes on from its prompt as a sampled one would."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hitl.learn.policy import load_model
from hitl.spacing import continuing

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("prompt", "text", "completion"),
    [
        ("The film is", "great", " great"),
        ("The film is ", "great", "great"),
        ("The film is", " great", " great"),
        ("The café", "était", " était"),
        ("The film", ", which", ", which"),
        ("The film", '"Up"', ' "Up"'),
        ("", "great", "great"),
        ("这部电影很", "好看", "好看"),
        ("这部电影，", "good", "good"),
        ("iPhone", "很好", "很好"),
        ("The film", "", ""),
    ],
)
def test_between_two_words_there_is_a_space(prompt: str, text: str, completion: str) -> None:
    assert continuing(prompt, text) == completion


@given(st.text(), st.text())
def test_nothing_but_one_space_is_ever_added_and_never_twice(prompt: str, text: str) -> None:
    once = continuing(prompt, text)
    assert once in (text, f" {text}")
    assert continuing(prompt, once) == once


def test_a_chinese_policy_reads_the_same_ids_with_and_without() -> None:
    codec = load_model(ROOT / "checkpoints" / "tiny-zh", torch.device("cpu")).codec
    assert codec.encode_completion(" good", 9) == codec.encode_completion("good", 9)

"""Every option of the two trainings from scratch changes what comes out, and nothing else does."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from hitl.config.pretrain import PretrainConfig
from hitl.config.reward import RewardTrainConfig
from hitl.learn.classifier import _Fragments, train_classifier
from hitl.learn.pretrain import pretrain
from hitl.learn.tokenizers import bert_tokenizer

from . import test_classifier, test_pretrain
from .test_classifier import data, one_thread  # noqa: F401
from .test_pretrain import corpus  # noqa: F401


def scorer(data: Path, out: Path, **changes: object) -> dict[str, torch.Tensor]:  # noqa: F811
    """Weights after four steps."""
    config: RewardTrainConfig = test_classifier.small(data, out, steps=4, warmup_steps=0, **changes)
    train_classifier(config)
    return load_file(out / "model.safetensors")


@pytest.mark.filterwarnings("ignore")
def test_options_of_a_scorer_change_its_weights(data: Path, tmp_path: Path) -> None:  # noqa: F811
    base = scorer(data, tmp_path / "base")
    again = scorer(data, tmp_path / "again")
    assert all(torch.equal(base[name], again[name]) for name in base)
    for number, change in enumerate(({"seed": 1}, {"weight_decay": 20.0}, {"mlm_lr": 1e-4})):
        other = scorer(data, tmp_path / str(number), **change)
        assert any(not torch.equal(base[name], other[name]) for name in base), change


def test_fragments_are_no_shorter_than_asked(tmp_path: Path) -> None:
    text = "".join(chr(0x4E00 + i) for i in range(100))
    config = test_classifier.small(tmp_path, tmp_path, crops=1.0, crop_min=15, crop_max=15)
    make = _Fragments(bert_tokenizer([text] * 2, 300, 128), config)
    torch.manual_seed(0)
    assert {len(make._fragment(text)) for _ in range(20)} == {15}


def test_a_policy_goes_on_from_another_and_reads_a_second_corpus(
    corpus: Path, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    first, second = tmp_path / "first", tmp_path / "second"
    made = pretrain(test_pretrain.small(corpus, first, steps=4))
    more = tmp_path / "more.txt"
    more.write_text("\n".join(f"酒店房间很好，早餐不错。{i}" for i in range(30)), "utf-8")
    config: PretrainConfig = test_pretrain.small(
        corpus, second, steps=4, seed=1, layers=1, width=16, init=first, also=str(more)
    )
    result = pretrain(config)
    assert result.texts == made.texts + 30
    shape = AutoModelForCausalLM.from_pretrained(second).config
    assert (shape.n_layer, shape.n_embd) == (2, 32), "its own shape, not the one asked for"
    tokenizers = [AutoTokenizer.from_pretrained(folder) for folder in (first, second)]
    assert tokenizers[0].get_vocab() == tokenizers[1].get_vocab()
    assert result.heldout is not None and made.heldout is not None
    assert result.heldout.per_token < made.heldout.per_token

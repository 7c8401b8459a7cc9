"""Layers that find alike what a sentence encoder does."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from transformers import AutoConfig, AutoTokenizer

from hitl.config.pretrain import PretrainConfig
from hitl.errors import HitlError
from hitl.learn.alike import FURTHEST, LENGTH, SHORTEST, Encoder, alignment, pooled, with_windows
from hitl.learn.pretrain import pretrain
from hitl.learn.tokens import codec_for

SHIPPED = Path(__file__).parents[2] / "checkpoints"


def numbers(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(st.integers(0, 2**31), st.integers(3, 30), st.integers(1, 8), st.floats(0.1, 10))
def test_turning_moving_and_stretching_leave_the_alignment(
    seed: int, texts: int, width: int, factor: float
) -> None:
    x, y = numbers(seed, texts, width), numbers(seed + 1, texts, 5)
    turned, _ = torch.linalg.qr(numbers(seed + 2, width, width))
    moved = factor * x @ turned + numbers(seed + 3, width)
    assert alignment(moved, x).item() == pytest.approx(1)
    assert alignment(moved, y).item() == pytest.approx(alignment(y, x).item())
    assert 0 <= alignment(x, y).item() <= 1


def test_what_has_no_part_in_common_is_not_aligned() -> None:
    x = torch.tensor([[1.0], [-1.0], [1.0], [-1.0]])
    y = torch.tensor([[1.0], [1.0], [-1.0], [-1.0]])
    assert alignment(x, y).item() == pytest.approx(0)


def test_a_window_is_the_mean_of_its_tokens() -> None:
    states = numbers(0, 3, 9, 4)
    windows = torch.tensor([[0, 1, 9], [2, 3, 5], [2, 4, 5]])
    by_hand = torch.stack(
        [states[row, first:end].float().mean(0) for row, first, end in windows.tolist()]
    )
    torch.testing.assert_close(pooled(states, windows), by_hand)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.load(SHIPPED / "sentiment-en")


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_windows_lie_in_their_texts(encoder: Encoder, lang: str) -> None:
    folder = SHIPPED / f"tiny-{lang}"
    codec = codec_for(AutoTokenizer.from_pretrained(folder), AutoConfig.from_pretrained(folder))
    chance = random.Random(0)
    lengths = [*range(2, 14), 30, 60]
    rows = [
        {"input_ids": [0, *(chance.randrange(40, 4000) for _ in range(n - 1))]} for n in lengths
    ]
    found = with_windows(rows, codec, encoder, seed=1)
    assert [row["input_ids"] for row in found] == [row["input_ids"] for row in rows]
    assert all(row["windows"] for row in found[-4:])
    assert not any(row["windows"] for row in found[:4])
    for row in found:
        for window in row["windows"]:
            assert 2 <= window.first < window.end <= min(len(row["input_ids"]), FURTHEST)
            assert SHORTEST <= window.end - window.first <= LENGTH[1]
            cut = codec.decode(row["input_ids"][: window.end]).rstrip("\ufffd")
            assert lang == "en" or " " not in cut
            # bf16 where the processor has it, and then other sums beside other texts.
            torch.testing.assert_close(window.said, encoder([cut])[0], atol=0.03, rtol=0.03)


def reviews(path: Path) -> Path:
    chance = random.Random(0)
    things, how = ["film", "plot", "cast", "music"], ["good", "bad", "great", "awful", "dull"]
    lines = [
        f"The {chance.choice(things)} is {chance.choice(how)} and the {chance.choice(things)} is "
        f"{chance.choice(how)}, said {n} of us."
        for n in range(300)
    ]
    path.write_text("\n".join(lines))
    return path


def taught(corpus: Path, out: Path, **changes: Any) -> PretrainConfig:
    usual: dict[str, Any] = dict(
        encoder=SHIPPED / "sentiment-en", steps=60, warmup_steps=4, batch_tokens=1024, layers=3,
        width=32, heads=2, positions=64, max_tokens=48, vocab=400, lr=1e-2, dropout=0.0,
        precision="fp32", device="cpu", eval_every=30,
    )  # fmt: skip
    return PretrainConfig(str(corpus), "en", out, **(usual | changes))


def test_a_policy_taught_by_an_encoder_finds_alike_what_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, said = reviews(tmp_path / "reviews.txt"), list[str]()
    by_both = pretrain(taught(corpus, tmp_path / "both"), said.append)
    figures = [float(line.split()[-1]) for line in said if "alike" in line]
    assert by_both.alike is not None and figures[-1] == round(by_both.alike, 3)
    monkeypatch.setattr("hitl.learn.alike.WEIGHT", 0.0)
    by_words = pretrain(taught(corpus, tmp_path / "words"))
    assert by_words.alike is not None
    assert by_words.alike < 0.3 < 0.8 < by_both.alike
    # It learned to write as well: by chance it would be more than 5.
    assert by_both.heldout is not None and by_both.heldout.per_token < 2.5


@pytest.mark.parametrize(("folder", "why"), [("none", ""), ("tiny-en", "pad")], ids=str)
def test_what_is_no_encoder_is_refused_and_another_can_be_tried(
    tmp_path: Path, folder: str, why: str
) -> None:
    out, corpus = tmp_path / "out", reviews(tmp_path / "reviews.txt")
    with pytest.raises(
        HitlError, match=rf"the encoder '.*{folder}' could not be loaded.*{why}.*give --encoder"
    ):
        pretrain(taught(corpus, out, encoder=SHIPPED / folder))
    assert not out.with_name("out.training").exists(), "the next try has other options"


def test_texts_too_short_for_an_encoder_are_refused(tmp_path: Path) -> None:
    corpus = tmp_path / "short.txt"
    corpus.write_text("\n".join(f"a{n}" for n in range(40)))
    with pytest.raises(HitlError, match=r"short\.txt: its texts are too short for --encoder"):
        pretrain(taught(corpus, tmp_path / "out"))

"""Layers that find alike what a sentence encoder does."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from transformers import AutoTokenizer

from hitl.config.pretrain import PretrainConfig
from hitl.errors import HitlError
from hitl.learn.alike import LENGTH, Encoder, alignment, pooled, with_windows
from hitl.learn.pretrain import pretrain

SHIPPED = Path(__file__).parents[2] / "checkpoints"


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


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


@given(st.lists(st.integers(2, 60), min_size=1, max_size=6), st.integers(0, 99))
def test_windows_lie_in_their_texts(lengths: list[int], seed: int) -> None:
    tokenizer = AutoTokenizer.from_pretrained(SHIPPED / "tiny-en")
    encoder, chance = Encoder.load(SHIPPED / "sentiment-en"), random.Random(seed)
    rows = [
        {"input_ids": [0, *(chance.randrange(40, 4000) for _ in range(n - 1))]} for n in lengths
    ]
    for row in with_windows(rows, tokenizer, encoder, seed):
        assert row["input_ids"] in [other["input_ids"] for other in rows]
        for window in row["windows"]:
            assert 2 <= window.first < window.end <= len(row["input_ids"])
            assert LENGTH[0] // 2 <= window.end - window.first <= LENGTH[1]
            cut = tokenizer.decode(row["input_ids"][: window.end], skip_special_tokens=True)
            alone = encoder([cut])[0]
            torch.testing.assert_close(window.said, alone, atol=1e-4, rtol=1e-4)


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


def test_a_policy_taught_by_an_encoder_finds_alike_what_it_does(tmp_path: Path) -> None:
    config = PretrainConfig(
        str(reviews(tmp_path / "reviews.txt")), "en", tmp_path / "taught",
        encoder=SHIPPED / "sentiment-en", steps=60, warmup_steps=4, batch_tokens=1024, layers=3,
        width=32, heads=2, positions=64, max_tokens=48, vocab=400, lr=1e-2, dropout=0.0,
        precision="fp32", device="cpu", eval_every=4,
    )  # fmt: skip
    said: list[str] = []
    taught = pretrain(config, said.append)
    assert taught.alike is not None and taught.heldout is not None
    figures = [float(line.split()[-1]) for line in said if "alike" in line]
    assert taught.alike > 0.85 > 0.7 > figures[0]
    assert round(taught.alike, 3) == figures[-1]
    # It learned to write as well.
    assert taught.heldout.per_token < 2.5


def test_a_folder_without_an_encoder_is_refused(tmp_path: Path) -> None:
    config = PretrainConfig(
        str(reviews(tmp_path / "reviews.txt")), "en", tmp_path / "out", encoder=tmp_path / "none"
    )
    with pytest.raises(
        HitlError, match=r"the encoder '.*none' could not be loaded.*give --encoder"
    ):
        pretrain(config)
    assert not (tmp_path / "out.training").exists(), "the next try has other options"

"""Products made in parts, beside those made as a whole."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import DynamicCache, GPT2Config, GPT2LMHeadModel

from hitl.learn import products
from hitl.learn.decoding import further
from hitl.learn.policy import Policy
from hitl.learn.products import PART, InParts, Whole, in_parts
from hitl.learn.reading import Reading, token_logp
from hitl.learn.sampling import Sampling


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "none"])
@pytest.mark.parametrize("transposed", [True, False], ids=["embeddings", "layer"])
@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 999),
    most=st.integers(1, 9),
    less=st.integers(0, 8),
    width=st.sampled_from([PART, PART + 1, 2 * PART, 3 * PART + 7]),
    rows=st.tuples(st.integers(0, 9), st.integers(0, 9)),
)
def test_parts_and_whole_are_the_same_product(
    bias: bool, transposed: bool, seed: int, most: int, less: int, width: int, rows: tuple[int, int]
) -> None:
    chance = torch.Generator().manual_seed(seed)
    x = torch.randn(max(most - less, 1), 5, generator=chance, dtype=torch.float64)
    m = torch.randn(width, 5, generator=chance, dtype=torch.float64, requires_grad=True).T
    m = m if transposed else m.contiguous()
    b = torch.randn(width, generator=chance, dtype=torch.float64) if bias else None
    want = (x @ m).detach() + (0 if b is None else b)
    parts = InParts(m, most, b)
    for _ in range(2):  # the second in the memory of the first
        assert torch.allclose(parts(x), want)
    some = slice(*sorted(rows))
    assert torch.allclose(parts.rows(some), want[some])
    whole = Whole(m, most)
    whole.make(x)
    assert torch.allclose(whole.rows(some), (x @ m).detach()[some])
    assert not whole.rows(some).requires_grad and not parts.rows(some).requires_grad


def test_what_is_small_or_not_of_32_bits_is_not_cut_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "LARGE", 60)
    monkeypatch.setattr(products, "PART", 4)
    assert in_parts(torch.zeros(10, 6)) == torch.backends.mkl.is_available()  # type: ignore[no-untyped-call]
    assert not in_parts(torch.zeros(10, 5))
    assert not in_parts(torch.zeros(20, 3)), "less than a part"
    assert not in_parts(torch.zeros(10, 6, dtype=torch.bfloat16))


def test_a_gpt2_with_large_layers_writes_and_reads_what_transformers_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(products, "LARGE", 1)
    torch.manual_seed(3)
    model = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=700, n_positions=32, n_embd=128, n_layer=2, n_head=4,
            initializer_range=0.3, bos_token_id=0, eos_token_id=0,
        )
    )  # fmt: skip
    model.train(False)
    tokens = torch.randint(700, (5, 9), generator=torch.Generator().manual_seed(1))
    want = model(tokens).logits.detach()
    with torch.no_grad():
        cache = DynamicCache(config=model.config)
        model(tokens[:, :4], past_key_values=cache, use_cache=True)
        step = further(model, cache, None, 5)
        got = torch.stack([step(tokens[:, at]) for at in range(4, 9)], 1)
    assert torch.allclose(got, want[:, 4:], atol=1e-4)
    policy, at = Policy(model, 1), torch.arange(8)[None].expand(5, 8)
    said, _ = policy.read(tokens[:, :-1], torch.ones_like(tokens[:, :-1]), at)
    logp = token_logp(said, tokens[:, 1:], Sampling(8))[0]
    exact = want[:, :-1].log_softmax(-1).gather(-1, tokens[:, 1:, None]).squeeze(-1)
    assert torch.allclose(logp, exact, atol=1e-4)


def test_a_reading_keeps_one_memory_for_the_logits_of_all_positions() -> None:
    """New memory for each piece costs more than what is done in it."""
    states, weight = torch.randn(4, 16, 8), torch.randn(4096, 8)
    reading = Reading.of(states, weight, torch.float32)
    made = list(_where(reading))
    assert len(made) > 1 and len(set(made)) == 1


def _where(reading: Reading) -> list[int]:
    found = list[int]()
    make = Whole.make

    def seen(self: Whole, x: torch.Tensor) -> None:
        make(self, x)
        found.append(self.rows(slice(1)).data_ptr())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Whole, "make", seen)
        patch.setattr("hitl.learn.reading.AT_ONCE", 1 << 15)
        token_logp(reading, torch.zeros(4, 16, dtype=torch.long), Sampling(16))
    return found

"""Log-probabilities, entropies and KL made in pieces, against the same made at once."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from transformers import (
    CohereConfig,
    CohereForCausalLM,
    Gemma2Config,
    Gemma2ForCausalLM,
    PreTrainedModel,
)

from hitl.learn import reading
from hitl.learn.kl import full_kl
from hitl.learn.policy import Policy, backbone_of
from hitl.learn.reading import Reading, compared, moved, token_logp
from hitl.learn.sampling import Sampling, warp

from .conftest import tiny_policy

B, T, D, V = 3, 4, 5, 11
HOWS = [
    Sampling(T),
    Sampling(T, temperature=0.7),
    Sampling(T, top_k=3),
    Sampling(T, temperature=1.3, top_p=0.6),
]


def drawn(seed: int, product: bool = True) -> tuple[Reading, Tensor]:
    """A reading in fp64 with a way back, and tokens."""
    generator = torch.Generator().manual_seed(seed)
    shape = (B, T, D) if product else (B, T, V)
    states = torch.randn(shape, generator=generator, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(V, D, generator=generator, dtype=torch.float64, requires_grad=True)
    tokens = torch.randint(V, (B, T), generator=generator)
    return Reading.of(states, weight if product else None, torch.float64), tokens


@pytest.mark.parametrize("how", HOWS, ids=["plain", "cool", "top-k", "top-p"])
@pytest.mark.parametrize("product", [True, False], ids=["product", "logits"])
@pytest.mark.parametrize("kept", [1 << 26, 0], ids=["kept", "made again"])
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 999), at_once=st.integers(1, 2 * B * T * V))
def test_pieces_are_what_autograd_makes_of_the_whole(
    how: Sampling, product: bool, kept: int, seed: int, at_once: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "KEPT", kept)
        patch.setattr(reading, "AT_ONCE", at_once)
        patch.setattr(reading, "IN_CACHE", 2 * V)
        one, tokens = drawn(seed, product)
        log_p = warp(one.logits(), how, tokens).log_softmax(-1)
        want = log_p.gather(-1, tokens[..., None]).squeeze(-1)
        logp, entropy = token_logp(one, tokens, how)
        assert torch.allclose(logp, want)
        finite = torch.where(log_p.isinf(), 0.0, log_p)
        assert torch.allclose(entropy, -(finite.exp() * finite * ~log_p.isinf()).sum(-1))
        assert not entropy.requires_grad
        leaves = [one.states] if one.weight is None else [one.states, one.weight]
        up = torch.randn(B, T, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        got = torch.autograd.grad((logp * up).sum(), leaves)
        for mine, theirs in zip(got, torch.autograd.grad((want * up).sum(), leaves), strict=True):
            assert torch.allclose(mine, theirs)


@pytest.mark.parametrize("how", HOWS, ids=["plain", "cool", "top-k", "top-p"])
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999), rows=st.integers(0, B), at_once=st.integers(1, 2 * B * T * V))
def test_two_models_compared_in_pieces_are_what_each_says_as_a_whole(
    how: Sampling, seed: int, rows: int, at_once: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "AT_ONCE", at_once)
        patch.setattr(reading, "IN_CACHE", 2 * V)
        (ours, tokens), (theirs, _) = drawn(seed), drawn(seed + 1)
        free = how.unrestricted
        want = full_kl(ours.log_p(free), theirs.log_p(free))
        got = compared(ours, theirs, tokens, how, rows)
        assert torch.allclose(got.kl, want)
        assert torch.allclose(got.other_logp, token_logp(theirs, tokens, how)[0])
        assert got.log_p.shape == (rows, T, V)
        assert torch.allclose(got.log_p, ours.log_p(free)[:rows])
        assert not any(part.requires_grad for part in (got.kl, got.other_logp, got.log_p))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999), at_once=st.integers(1, 2 * B * T * V))
def test_how_far_a_model_moved_is_told_in_pieces_as_of_the_whole(seed: int, at_once: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "AT_ONCE", at_once)
        patch.setattr(reading, "IN_CACHE", 2 * V)
        how = Sampling(T, temperature=0.8)
        was, now, other = (drawn(seed + place)[0] for place in range(3))
        away, apart = moved(was.log_p(how), now, other, how)
        assert torch.allclose(away, full_kl(was.log_p(how), now.log_p(how)))
        assert apart is not None
        assert torch.allclose(apart, full_kl(now.log_p(how), other.log_p(how)))
        wider = torch.nn.functional.pad(was.log_p(how), (0, 0, 0, 2))[:, :T]  # as of a wider batch
        assert torch.equal(moved(wider, now, None, how)[0], away)
        alone, nothing = moved(was.log_p(how), now, None, how)
        assert torch.equal(alone, away) and nothing is None


def test_entropy_of_a_uniform_distribution_is_the_log_of_its_size() -> None:
    tokens = torch.zeros(1, 1, dtype=torch.long)

    def entropy(logits: Tensor) -> Tensor:
        return token_logp(Reading.of(logits, None, torch.float32), tokens, Sampling(1))[1]

    assert torch.allclose(entropy(torch.zeros(1, 1, 8)), torch.tensor(8.0).log())
    peaked = torch.tensor([[[0.0, -torch.inf, -torch.inf]]])
    assert entropy(peaked).item() == 0.0


def test_nothing_as_large_as_the_logits_is_kept_in_fp32_when_the_product_is_bf16() -> None:
    """The exponentials are, in bf16; above KEPT of them nothing is."""
    states, weight = torch.randn(2, 8, 16), torch.randn(4096, 16)
    tokens = torch.zeros(2, 8, dtype=torch.long)

    def kept(many: int) -> int:
        sizes = []
        with (
            pytest.MonkeyPatch.context() as patch,
            torch.autograd.graph.saved_tensors_hooks(
                lambda t: (sizes.append(t.nbytes), t)[1], lambda t: t
            ),
        ):
            patch.setattr(reading, "KEPT", many)
            leaf = Reading.of(states.requires_grad_(), weight, torch.bfloat16)
            token_logp(leaf, tokens, Sampling(1))
        return max(sizes)

    assert kept(1 << 26) == 2 * 8 * 4096 * 2  # bf16
    assert kept(0) == 4096 * 16 * 2  # the weights alone


def cohere() -> PreTrainedModel:
    return CohereForCausalLM(
        CohereConfig(
            vocab_size=29, hidden_size=16, intermediate_size=32, num_hidden_layers=1,
            num_attention_heads=2, num_key_value_heads=1, logit_scale=0.25, pad_token_id=1,
            bos_token_id=0, eos_token_id=1,
        )
    )  # fmt: skip


def gemma2() -> PreTrainedModel:
    return Gemma2ForCausalLM(
        Gemma2Config(
            vocab_size=29, hidden_size=16, intermediate_size=32, num_hidden_layers=1,
            num_attention_heads=2, num_key_value_heads=1, head_dim=8, pad_token_id=1,
            bos_token_id=0, eos_token_id=1, initializer_range=0.5,
        )
    )  # fmt: skip


@pytest.mark.parametrize("make", [cohere, gemma2])
def test_a_head_that_is_more_than_a_product_is_left_to_the_model(make: object) -> None:
    """One scales its logits, the other bounds them."""
    torch.manual_seed(0)
    model = make().eval()  # type: ignore[operator]
    assert backbone_of(model) is None
    ids = torch.arange(2, 12).reshape(2, 5)
    columns = torch.tensor([[1, 3], [0, 4]])
    got, _ = Policy(model, 0).read(ids, torch.ones_like(ids), columns)
    want = model(input_ids=ids).logits[torch.arange(2)[:, None], columns]
    assert got.weight is None and torch.allclose(got.logits(), want)


def test_a_plain_head_is_asked_for_some_positions_only() -> None:
    policy = tiny_policy()
    assert backbone_of(policy.model) is not None
    ids = torch.arange(2, 12).reshape(2, 5)
    columns = torch.tensor([[1, 3], [0, 4]])
    got, _ = policy.read(ids, torch.ones_like(ids), columns)
    assert got.states.shape == (2, 2, 16)
    want = policy.model(input_ids=ids).logits[torch.arange(2)[:, None], columns]
    assert torch.allclose(got.logits(), want, atol=1e-6)
    assert torch.allclose(got.rows(slice(1), 1).logits(), want[:1, :1], atol=1e-6)
    bf16 = Reading.of(got.states, got.weight, torch.bfloat16).logits()
    assert bf16.dtype == torch.float32 and 0 < (bf16 - want).abs().max() < 0.05

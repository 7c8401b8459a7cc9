"""A step of GPT-2's sampling, beside the one transformers makes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from transformers import DynamicCache, GPT2LMHeadModel, PreTrainedModel

from hitl.learn.decoding import further, told_of_padding
from hitl.learn.policy import Policy

from .conftest import VOCABULARY, taught_adapters, tiny_policy

STEPS = 6
PADDED = torch.tensor([[0, 0, 1, 1, 1], [1, 1, 1, 1, 1], [0, 0, 0, 0, 1]])


class Seen(GPT2LMHeadModel):
    """As transformers makes it: not what `further` knows."""


def logits(model: PreTrainedModel, vocabulary: int, mask: Tensor | None) -> Tensor:
    """(STEPS, n, V) of fixed tokens, after a prompt of 5."""
    chance = torch.Generator().manual_seed(4)
    prompt = torch.randint(vocabulary, (3, 5), generator=chance)
    tokens = torch.randint(vocabulary, (STEPS, 3), generator=chance)
    cache = DynamicCache(config=model.config)
    told = {} if mask is None else told_of_padding(model, mask, 5)
    with torch.no_grad():
        model(input_ids=prompt, past_key_values=cache, use_cache=True, **told)
        step = further(model, cache, mask, STEPS)
        return torch.stack([step(token) for token in tokens])


def by_transformers(model: GPT2LMHeadModel, vocabulary: int, mask: Tensor | None) -> Tensor:
    """The same by the model itself."""
    model.__class__ = Seen
    try:
        return logits(model, vocabulary, mask)
    finally:
        model.__class__ = GPT2LMHeadModel


@pytest.mark.parametrize("mask", [None, PADDED], ids=["of one length", "padded"])
@pytest.mark.parametrize("compute", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
def test_gpt2_is_the_same_to_the_bit(mask: Tensor | None, compute: torch.dtype) -> None:
    policy = Policy(tiny_policy().model, 1, compute)
    with policy.writing() as model:
        assert type(model) is GPT2LMHeadModel
        ours, theirs = logits(model, VOCABULARY, mask), by_transformers(model, VOCABULARY, mask)
    assert ours.dtype == theirs.dtype and torch.equal(ours, theirs)


def test_so_it_is_with_adapters_and_without_them_as_its_reference() -> None:
    made = taught_adapters()
    with made.policy.writing() as model:
        taught = logits(model, 4608, PADDED)
        assert torch.equal(taught, by_transformers(model, 4608, PADDED))
    with made.reference.writing() as model:
        base = logits(model, 4608, PADDED)
        assert torch.equal(base, by_transformers(model, 4608, PADDED))
    assert not torch.allclose(taught, base, atol=1e-2)

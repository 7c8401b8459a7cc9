"""A batch whose tokens are computed once each, beside the same computed row by row."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from hitl.learn.decoding import is_plain_gpt2
from hitl.learn.packing import Packing, last_hidden
from hitl.learn.policy import Policy

from .conftest import taught_adapters, tiny_policy

rows_of_tokens = st.lists(
    st.lists(st.integers(0, 2), min_size=1, max_size=8), min_size=1, max_size=7
)


def padded(rows: list[list[int]]) -> tuple[Tensor, Tensor]:
    """(B, L) ids and mask. The padding is a token that occurs."""
    L = max(len(row) for row in rows)
    ids = torch.tensor([row + [1] * (L - len(row)) for row in rows])
    return ids, torch.tensor([[1] * len(row) + [0] * (L - len(row)) for row in rows])


@settings(max_examples=200, deadline=None)
@given(rows=rows_of_tokens)
def test_every_token_is_told_by_one_with_the_same_beginning(rows: list[list[int]]) -> None:
    ids, mask = padded(rows)
    packing, L = Packing.of(ids, mask), ids.shape[1]
    first = packing.first.tolist()
    for number, row in enumerate(rows):
        for column in range(len(row)):
            place = first[packing.index[number, column]]
            assert place % L == column
            assert rows[place // L][: column + 1] == row[: column + 1]
    beside = zip([[], *rows[:-1]], rows, strict=True)
    shared = [
        next((at for at, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), None)
        for one, two in beside
    ]
    alike = [
        min(len(one), len(two)) if at is None else at
        for at, one, two in zip(shared, [[], *rows[:-1]], rows, strict=True)
    ]
    assert len(first) == sum(map(len, rows)) - sum(alike)


def by_rows(policy: Policy, ids: Tensor, mask: Tensor, columns: Tensor) -> Tensor:
    """The last hidden states as transformers makes them."""
    states: Tensor = policy.model.base_model(
        input_ids=ids, attention_mask=mask, use_cache=False
    ).last_hidden_state
    return states.gather(1, columns[..., None].expand(-1, -1, states.shape[-1]))


@pytest.mark.parametrize("compute", [torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
@settings(max_examples=20, deadline=None)
@given(rows=rows_of_tokens, seed=st.integers(0, 99))
def test_states_and_gradients_are_those_of_the_model(
    compute: torch.dtype, rows: list[list[int]], seed: int
) -> None:
    policy = Policy(tiny_policy().model, 1, compute)
    ids, mask = padded(rows)
    columns = torch.randint(ids.shape[1], ids.shape, generator=torch.Generator().manual_seed(seed))
    asked = mask.gather(1, columns).bool()
    near = 1e-5 if compute is torch.float32 else 0.1
    found = []
    for once in (True, False):
        with policy.autocast():
            if once:
                assert is_plain_gpt2(policy.model)
                states = last_hidden(policy.model, ids, mask, columns, checkpointed=False)
            else:
                states = by_rows(policy, ids, mask, columns)
        loss = states.float()[asked].sin().sum()
        gradients = torch.autograd.grad(loss, list(policy.model.parameters()))
        found.append((states.detach()[asked].float(), gradients))
    (mine, mine_back), (theirs, theirs_back) = found
    assert torch.allclose(mine, theirs, atol=near)
    for one, other in zip(mine_back, theirs_back, strict=True):
        assert torch.allclose(one, other, atol=near * max(float(other.abs().max()), 1.0))


def test_adapters_are_heard_and_left_out_as_the_reference() -> None:
    made = taught_adapters()
    ids, mask = padded([[5, 6, 7, 8], [5, 6, 9], [5, 6, 7, 8, 9]])
    columns = torch.arange(5)[None].expand(3, -1)
    with torch.no_grad():
        taught, base = (
            m.read(ids, mask, columns)[0].states[mask.bool()] for m in (made.policy, made.reference)
        )
        assert torch.allclose(
            taught, by_rows(made.policy, ids, mask, columns)[mask.bool()], atol=1e-5
        )
    assert not torch.allclose(taught, base, atol=1e-2)


def test_a_policy_computes_a_shared_prompt_once(monkeypatch: pytest.MonkeyPatch) -> None:
    policy, seen = tiny_policy(), list[int]()
    layers: Any = policy.model.base_model
    layers.h[0].mlp.c_fc.register_forward_hook(
        lambda module, given, made: seen.append(given[0].shape[:-1].numel())
    )
    ids, mask = padded([[5, 6, 7, 8, 1], [5, 6, 7, 9], [5, 6, 7, 8, 2]])
    columns = torch.arange(5)[None].expand(3, -1)
    policy.read(ids, mask, columns)
    assert seen == [8]  # three of the prompt, and two, one and two
    policy.checkpoint_gradients()
    _, values = policy.read(ids, mask, columns)
    assert seen == [8, 8]
    torch.autograd.backward(values.sum())
    assert seen == [8, 8, 8]  # again on the way back

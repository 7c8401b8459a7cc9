"""Adam without a first moment is Adam with β1 = 0, in a third less memory."""

from __future__ import annotations

import copy

import pytest
import torch

from hitl.learn.adam import MomentumFreeAdam, adam_for


def taught(optimizer: torch.optim.Optimizer, weights: torch.Tensor, steps: range) -> None:
    for seed in steps:
        weights.grad = torch.randn(
            weights.shape, generator=torch.Generator().manual_seed(seed)
        ) * 10.0 ** (seed % 3)
        optimizer.step()


def test_it_steps_as_adam_does_whose_first_moment_forgets_at_once() -> None:
    ours, theirs = torch.ones(7, 5), torch.ones(7, 5)
    one = MomentumFreeAdam([ours], 0.01, 0.99, 1e-8)
    other = torch.optim.Adam([theirs], 0.01, (0.0, 0.99), 1e-8)
    taught(one, ours, range(5))
    taught(other, theirs, range(5))
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-7)
    assert set(one.state[ours]) == {"step", "exp_avg_sq"}


def test_a_state_that_is_put_into_another_goes_on_bit_for_bit() -> None:
    first, second = torch.ones(4), torch.ones(4)
    one, other = (MomentumFreeAdam([w], 0.01, 0.99, 1e-8) for w in (first, second))
    taught(one, first, range(3))
    second.copy_(first)
    other.load_state_dict(copy.deepcopy(one.state_dict()))
    taught(one, first, range(3, 6))
    taught(other, second, range(3, 6))
    assert torch.equal(first, second)


@pytest.mark.parametrize(
    ("betas", "kind"),
    [((0.0, 0.99), MomentumFreeAdam), ((0.9, 0.999), torch.optim.Adam)],
)
def test_momentum_is_kept_where_it_is_asked_for(
    betas: tuple[float, float], kind: type[torch.optim.Optimizer]
) -> None:
    assert type(adam_for([torch.ones(2)], 0.1, betas, 1e-8)) is kind

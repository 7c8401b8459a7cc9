"""How an update goes back: any number of times, to where it was when that was kept."""

from __future__ import annotations

import copy

import pytest
import torch

from hitl.learn.before import Before
from hitl.learn.policy import Policy

from .conftest import tiny_policy


def _taught(policy: Policy, optimizer: torch.optim.Optimizer) -> None:
    for parameter in policy.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()


def _all_of(policy: Policy, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    tensors = {name: p.detach().clone() for name, p in policy.trained().items()}
    for number, state in copy.deepcopy(optimizer.state_dict())["state"].items():
        tensors |= {f"{number} {name}": moment for name, moment in state.items()}
    return tensors


@pytest.mark.parametrize("steps_before", [0, 1], ids=["first update", "later one"])
def test_what_was_kept_stays_what_it_is_however_often_one_goes_back(steps_before: int) -> None:
    policy = tiny_policy()
    optimizer = torch.optim.Adam(policy.parameters(), 0.1, fused=True)
    for _ in range(steps_before):
        _taught(policy, optimizer)
    want = _all_of(policy, optimizer)
    before = Before(optimizer)
    before.keep(policy.parameters())
    for _ in range(2):
        _taught(policy, optimizer)
        before.keep(policy.parameters())  # says nothing anew
        before.restore()
        got = _all_of(policy, optimizer)
        assert got.keys() == want.keys() and all(torch.equal(got[n], want[n]) for n in want)
        assert all(p.grad is None for p in policy.parameters())


def test_what_was_not_kept_is_left_as_it_is_but_for_its_gradient() -> None:
    policy = tiny_policy()
    optimizer = torch.optim.Adam(policy.parameters(), 0.1)
    before, want = Before(optimizer), _all_of(policy, optimizer)
    for parameter in policy.parameters():
        parameter.grad = torch.ones_like(parameter)
    before.restore()
    got = _all_of(policy, optimizer)
    assert all(torch.equal(got[name], want[name]) for name in want)
    assert all(p.grad is None for p in policy.parameters())

"""How an update goes back: to a snapshot, any number of times."""

from __future__ import annotations

import torch

from hitl.learn.limits import restore, snapshot
from hitl.learn.policy import Policy

from .conftest import tiny_policy


def _taught(policy: Policy, optimizer: torch.optim.Optimizer) -> None:
    for parameter in policy.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()


def test_a_snapshot_stays_what_it_is_however_often_one_goes_back_to_it() -> None:
    policy = tiny_policy()
    optimizer = torch.optim.Adam(policy.parameters(), 0.1, fused=True)
    _taught(policy, optimizer)
    before, want = snapshot(policy, optimizer), snapshot(policy, optimizer)
    for _ in range(2):
        _taught(policy, optimizer)
        restore(policy, optimizer, before)
    again = snapshot(policy, optimizer)
    for name, weights in want[0].items():
        assert torch.equal(again[0][name], weights)
    for number, state in want[1]["state"].items():
        for name, moment in state.items():
            assert torch.equal(again[1]["state"][number][name], moment)

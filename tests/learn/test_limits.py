"""How an update goes back: to a snapshot, any number of times, or part of the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hitl.learn.limits import STEP, Yardstick, restore, shorten, snapshot
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


def _first(policy: Policy) -> float:
    return float(next(iter(policy.trained().values())).detach().flatten()[0])


@dataclass
class Grows:
    """A yardstick by which the whole pass goes `whole`, and a share of it with a power."""

    start: float
    whole: float
    power: float
    looks: int = 0

    def look(self, policy: Policy) -> Policy:
        self.looks += 1
        return policy

    def distance(self, policy: Policy) -> float:
        moved = _first(policy) - self.start
        return self.whole * abs(moved) ** self.power


@given(
    whole=st.floats(1e-4, 1e3), power=st.floats(0.2, 2.0), length=st.floats(1e-4, 1.0),
)  # fmt: skip
@example(whole=0.0625, power=0.25, length=0.0078125)
@settings(max_examples=60, deadline=None)
def test_a_pass_keeps_what_it_may_wherever_the_search_begins(
    whole: float, power: float, length: float
) -> None:
    policy = tiny_policy()
    optimizer = torch.optim.Adam(policy.parameters(), 0.1)
    before = snapshot(policy, optimizer)
    first = _first(policy)
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter += 1.0
    rule = Grows(first, whole, power)
    kept = shorten(policy, optimizer, before, cast(Yardstick, rule), 0.1, length)
    assert kept.distance <= 0.1
    if whole <= 0.1:
        assert kept.length == 1 or kept.distance >= STEP.near * 0.1
    elif kept.length:
        assert kept.distance >= STEP.near * 0.1
    else:  # it would have had to be very short
        assert (0.1 / whole) ** (1 / power) < 1e-3
        for name, weights in policy.trained().items():
            assert torch.equal(weights, before[0][name])


def test_the_next_search_begins_where_this_one_led_and_so_needs_one_look() -> None:
    start, looks = 1.0, list[int]()
    for _ in range(3):
        policy = tiny_policy()
        optimizer = torch.optim.Adam(policy.parameters(), 0.1)
        before = snapshot(policy, optimizer)
        rule = Grows(_first(policy), 20.0, 1.3)
        with torch.no_grad():
            for parameter in policy.parameters():
                parameter += 1.0
        kept = shorten(policy, optimizer, before, cast(Yardstick, rule), 0.1, start)
        looks.append(rule.looks)
        start = kept.next_length(0.1)
    assert looks[0] > 1
    assert looks[1:] == [1, 1]

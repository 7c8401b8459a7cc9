"""How far an update goes, and back part of the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hitl.learn.before import Before
from hitl.learn.limits import STEP, Line, Look, Yardstick, shorten
from hitl.learn.policy import Policy

from .conftest import tiny_policy


def _first(policy: Policy) -> float:
    return float(next(iter(policy.trained().values())).detach().flatten()[0])


@dataclass
class Grows:
    """A yardstick by which the whole pass goes `whole`, and a share of it with a power."""

    start: float
    whole: float
    power: float
    looks: int = 0

    def look(self, policy: Policy) -> Look:
        self.looks += 1
        moved = _first(policy) - self.start
        return Look(self.whole * abs(moved) ** self.power, 0.0)


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
    before = Before(optimizer)
    before.keep(policy.parameters())
    first = _first(policy)
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter += 1.0
    rule = Grows(first, whole, power)
    kept = shorten(policy, before, cast(Yardstick, rule), 0.1, length)
    assert kept.now.distance <= 0.1 * (
        1 + 1e-4
    )  # a place that is gone back to is found by another way
    if whole <= 0.1:
        assert kept.length == 1 or kept.now.distance >= STEP.near * 0.1
    elif kept.length:
        assert kept.now.distance >= STEP.near * 0.1
    else:  # it would have had to be very short
        assert (0.1 / whole) ** (1 / power) < 1e-3
        assert all(torch.equal(now, was) for now, was in before.weights())


def test_the_next_search_begins_where_this_one_led_and_so_needs_one_look() -> None:
    start, looks = 1.0, list[int]()
    for _ in range(3):
        policy = tiny_policy()
        optimizer = torch.optim.Adam(policy.parameters(), 0.1)
        before = Before(optimizer)
        before.keep(policy.parameters())
        rule = Grows(_first(policy), 20.0, 1.3)
        with torch.no_grad():
            for parameter in policy.parameters():
                parameter += 1.0
        kept = shorten(policy, before, cast(Yardstick, rule), 0.1, start)
        looks.append(rule.looks)
        start = kept.next_length(0.1)
    assert looks[0] > 1
    assert looks[1:] == [1, 1]


@given(lengths=st.lists(st.floats(2**-6, 1.0), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_a_line_leads_to_the_same_place_by_whichever_way(lengths: list[float]) -> None:
    """To a hundredth of a step that is a hundredth of the weights."""
    was, step = torch.randn(2, 500, generator=torch.Generator().manual_seed(0))
    end = was + 0.01 * step
    now = end.clone()
    line = Line([(now, was)])
    for length in lengths:
        line.go(length)
        assert (now - (was + (end - was) * length)).norm() < 1e-2 * length * (end - was).norm()
    line.go(1.0)
    assert (now - end).norm() < 1e-2 * (end - was).norm()


def test_the_end_of_a_line_is_left_as_it_is() -> None:
    was, end = torch.randn(2, 500, generator=torch.Generator().manual_seed(0))
    now = end.clone()
    Line([(now, was)]).go(1.0)
    assert torch.equal(now, end)


def test_nobody_comes_back_from_the_beginning_of_a_line() -> None:
    now, was = torch.ones(3), torch.zeros(3)
    with pytest.raises(ValueError, match="length 0"):
        Line([(now, was)]).go(0.0)
    assert torch.equal(now, torch.ones(3))

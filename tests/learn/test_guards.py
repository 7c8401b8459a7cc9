from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from hitl.learn.guards import Usual, penalties, shared

USUAL_BATCH = [tuple(range(10 * i, 10 * i + 10)) for i in range(8)]
USUAL = Usual.of([USUAL_BATCH])


def test_what_is_usual_costs_nothing() -> None:
    assert (USUAL.length, USUAL.distinct2) == (10.0, (1.0,))
    assert bool((penalties(USUAL_BATCH, USUAL) == 0).all())


def test_short_texts_cost_once_the_batch_is_short() -> None:
    one_short = [USUAL_BATCH[0][:6], *USUAL_BATCH[1:]]
    assert bool((penalties(one_short, USUAL) == 0).all())
    lengths = (2, 4, 6, 8, 10, 12)
    short = [tuple(range(100 * i, 100 * i + n)) for i, n in enumerate(lengths)]
    cost = penalties(short, USUAL)
    assert bool((cost[:4].diff() < 0).all()) and cost[4] == cost[5] == 0
    assert float(cost[0]) > 1.0


def test_copies_cost_and_what_is_its_own_does_not() -> None:
    batch = [*USUAL_BATCH[:4], *([USUAL_BATCH[7]] * 4)]
    cost = penalties(batch, USUAL)
    assert bool((cost[:4] == 0).all()) and bool((cost[4:] > 3).all())


def test_what_two_batches_share_costs_though_each_is_diverse() -> None:
    other = [tuple(range(1000 + 10 * i, 1010 + 10 * i)) for i in range(8)]
    usual = Usual.of([USUAL_BATCH, other])
    assert usual.distinct2 == (1.0, 1.0)
    again = [*USUAL_BATCH[:4], *other[:4]]
    assert bool((penalties(again, usual) == 0).all())
    cost = penalties(again, usual, [USUAL_BATCH])
    assert bool((cost[:4] > 1).all()) and bool((cost[4:] == 0).all())
    assert torch.equal(cost, penalties(again, usual, [other, other, USUAL_BATCH]))


@given(st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=8).map(tuple), min_size=1))
def test_penalties_are_finite_and_never_a_gift(batch: list[tuple[int, ...]]) -> None:
    cost = penalties(batch, USUAL)
    assert (
        cost.shape == (len(batch),) and bool(torch.isfinite(cost).all()) and bool((cost >= 0).all())
    )
    assert bool((shared(batch) <= 1).all())

"""Figures of scored lists, against counting by hand."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl.agreement import Agreement, agreement


def test_figures_by_hand() -> None:
    lists = [
        [[3.0], [2.0], [1.0]],  # all three right
        [[1.0], [2.0], [0.0]],  # one of three wrong
        [[1.0, 5.0], [1.0]],  # one right, one a tie of the scores
        [[1.0, 2.0]],  # nothing was found better: no pair
    ]
    found = agreement(lists)
    assert (found.lists, found.pairs) == (3, 8)
    assert found.pairwise_accuracy == pytest.approx(6 / 8)
    assert found.list_accuracy == pytest.approx(1 / 3)
    assert found.kendall_tau == pytest.approx((1 + 1 / 3 + 1 / 2) / 3)
    assert found.margin == pytest.approx((1 + 2 + 1 - 1 + 1 + 2 + 0 + 4) / 8)
    assert agreement([]) == Agreement(0, 0, 0.0, 0.0, 0.0, 0.0)


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=6, unique=True))
def test_an_order_and_its_reverse_are_each_others_opposite(scores: list[float]) -> None:
    ahead = agreement([[[s] for s in scores]])
    back = agreement([[[s] for s in reversed(scores)]])
    assert ahead.kendall_tau == pytest.approx(-back.kendall_tau)
    assert ahead.pairwise_accuracy == pytest.approx(1 - back.pairwise_accuracy)
    assert ahead.pairs == len(list(itertools.combinations(scores, 2)))
    best = agreement([[[s] for s in sorted(scores, reverse=True)]])
    assert (best.list_accuracy, best.kendall_tau) == (1.0, 1.0)

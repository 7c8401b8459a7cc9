"""Orders, as they are put together key by key."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hitl.tui.ordering import Order


def order(*keys: str) -> Order:
    """Of four cards."""
    made = Order((0, 0, 0, 0))
    for key in keys:
        made = made.put(int(key) - 1)
    return made


def test_up_and_down_past_neighbours_and_out_of_ties() -> None:
    assert order("2", "1").shift(0, -1).ranks == (1, 2, 0, 0)
    assert order("2", "1").shift(0, 1).ranks == (2, 1, 0, 0), "the last stays the last"
    tied = Order((2, 1, 2, 4), (1, 0, 2, 3))
    assert tied.shift(2, -1).ranks == (3, 1, 2, 4)
    assert tied.shift(2, 1).ranks == (2, 1, 3, 4)
    assert tied.shift(3, -1).ranks == (3, 1, 3, 2)


def test_best_and_worst() -> None:
    assert order("2", "4").names_best_and_worst
    assert order("2", "4").best_and_worst().ranks == (2, 1, 2, 4)
    assert not order("2").names_best_and_worst and not order("2", "4", "1").names_best_and_worst


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([-1, 1])), max_size=8))
def test_whatever_is_moved_every_card_keeps_a_place(moves: list[tuple[int, int]]) -> None:
    made = order("3", "1", "2")
    for place, by in moves:
        before, made = made.ranks[place], made.shift(place, by)
        assert (made.ranks[place] - before) * by >= 0
    assert sorted(made.history) == [0, 1, 2, 3] and 1 in made.ranks
    for place, rank in enumerate(made.ranks):
        assert rank == 1 + sum(other < rank for other in made.ranks), place

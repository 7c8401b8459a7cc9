from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl.records import Edit, Judgement, Mode, Ranking, Rejected, Scores, Skip, Verdict
from hitl.rewards import centred_ranks, rewards_of


def judged(verdict: Verdict) -> Judgement:
    return Judgement((1, 0), verdict, "op", Mode.SCORE)


def test_scores_are_rewards_and_what_is_left_out_is_nan() -> None:
    first, second = rewards_of(judged(Scores((4.0, None))), 2)
    assert first == 4.0 and math.isnan(second)


@pytest.mark.parametrize("verdict", [Skip(), Edit("better")])
def test_no_number_given_is_nan_never_zero(verdict: Verdict) -> None:
    assert all(math.isnan(r) for r in rewards_of(judged(verdict), 3))


def test_what_was_said_beside_an_edit_counts() -> None:
    scored = Edit("better", rest=Scores((None, 2.0)))
    assert rewards_of(judged(scored), 2)[1] == 2.0 and judged(scored).labels == 2
    # 1 is the own text's, which the engine adds; the ranking goes on behind it.
    ranked = Edit("better", rest=Ranking((2, 1, 3)))
    assert rewards_of(judged(ranked), 3) == pytest.approx((-1 / 3, 1 / 3, -1))
    assert judged(ranked).labels == 4
    one = rewards_of(judged(Edit("better", rest=Ranking((1, None)))), 2)
    assert one[0] == -1 and math.isnan(one[1]), "the own text is better than that one"


def test_both_bad_is_no_tie() -> None:
    assert rewards_of(judged(Rejected(2)), 2) == (-1, -1) and judged(Rejected(2)).labels == 2
    assert rewards_of(judged(Ranking((1, 1))), 2) == (0, 0)
    assert rewards_of(judged(Ranking((2, 1))), 2) == (-1, 1), "as one that lost"


def test_four_ranks_are_spread_evenly() -> None:
    assert rewards_of(judged(Ranking((2, 1, 4, 3))), 4) == pytest.approx((1 / 3, 1, -1, -1 / 3))


def test_ties_share_their_place() -> None:
    assert centred_ranks((1, 1, 2)) == pytest.approx((0.5, 0.5, -1))
    assert centred_ranks((1, 1)) == (0.0, 0.0)


def test_a_ranking_of_one_says_nothing() -> None:
    assert all(math.isnan(r) for r in centred_ranks((1, None)))


@given(st.lists(st.integers(1, 5) | st.none(), min_size=2, max_size=8))
def test_rewards_of_a_ranking_are_centred_ordered_and_bounded(ranks: list[int | None]) -> None:
    rewards = centred_ranks(tuple(ranks))
    given_ranks = [(r, w) for r, w in zip(ranks, rewards, strict=True) if r is not None]
    if len(given_ranks) < 2:
        assert all(math.isnan(w) for w in rewards)
        return
    assert sum(w for _, w in given_ranks) == pytest.approx(0, abs=1e-9)
    assert all(-1 <= w <= 1 for _, w in given_ranks)
    for rank, reward in given_ranks:
        for other, its in given_ranks:
            assert (rank < other) == (reward > its)
    assert [math.isnan(w) for w in rewards] == [r is None for r in ranks]

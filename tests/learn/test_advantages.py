from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hitl.learn.advantages import baseline_advantages, gae, leave_one_out, token_rewards
from hitl.learn.masked import masked_mean, masked_var, whiten

MASK = torch.tensor([[True, True, True], [True, False, False]])


def test_score_comes_with_the_last_token_and_kl_with_each() -> None:
    kl = torch.tensor([[1.0, 2.0, 3.0], [4.0, 9.0, 9.0]])
    rewards = token_rewards(torch.tensor([10.0, -1.0]), kl, MASK, kl_coef=0.5)
    assert rewards.tolist() == [[-0.5, -1.0, 8.5], [-3.0, 0.0, 0.0]]


def test_gae_is_its_definition() -> None:
    generator = torch.Generator().manual_seed(0)
    rewards = torch.randn(2, 3, generator=generator)
    values = torch.randn(2, 3, generator=generator)
    gamma, lam = 0.9, 0.8
    got = gae(rewards, values, MASK, gamma, lam)
    for row, length in ((0, 3), (1, 1)):
        r, v = rewards[row, :length].tolist(), [*values[row, :length].tolist(), 0.0]
        deltas = [r[t] + gamma * v[t + 1] - v[t] for t in range(length)]
        for t in range(length):
            want = sum((gamma * lam) ** i * d for i, d in enumerate(deltas[t:]))
            assert got[row, t].item() == pytest.approx(want, abs=1e-6)
    assert got[1, 1:].tolist() == [0.0, 0.0]


def test_gae_with_lambda_and_gamma_one_is_return_minus_value() -> None:
    rewards, values = torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[0.5, 0.25, 4.0]])
    got = gae(rewards, values, MASK[:1], gamma=1.0, lam=1.0)
    assert torch.allclose(got + values, torch.tensor([[6.0, 5.0, 3.0]]))


def test_leave_one_out_looks_at_the_others_of_the_group_only() -> None:
    mean, n = leave_one_out(torch.tensor([1.0, 3.0, 5.0, 9.0]), torch.tensor([0, 0, 0, 1]))
    assert mean.tolist() == [4.0, 3.0, 2.0, 0.0]
    assert n.tolist() == [2.0, 2.0, 2.0, 0.0]


def advantages(rewards: list[float], groups: list[int], mean: float, std: float) -> list[float]:
    n = len(rewards)
    return baseline_advantages(
        torch.tensor(rewards), torch.tensor(groups),
        torch.full((n,), mean), torch.full((n,), std), shrink=3.0,
    ).tolist()  # fmt: skip


@given(st.floats(1, 5), st.integers(1, 8), st.floats(1, 5), st.floats(0.25, 2))
def test_equal_scores_move_towards_their_distance_from_the_running_mean(
    score: float, k: int, mean: float, std: float
) -> None:
    for a in advantages([score] * k, [0] * k, mean, std):
        share = 3 / (3 + k - 1)
        assert a == pytest.approx(share * (score - mean) / std, abs=1e-4)


def test_a_lone_score_is_compared_with_the_running_mean_alone() -> None:
    assert advantages([2.0], [0], mean=0.0, std=1.0) == [2.0]
    assert advantages([0.5], [0], mean=0.0, std=1.0) == [0.5]


def test_the_group_spread_does_not_scale_the_advantage() -> None:
    narrow = advantages([4, 4, 4, 5], [0] * 4, mean=3.0, std=1.0)
    wide = advantages([1, 1, 1, 5], [0] * 4, mean=3.0, std=1.0)
    assert wide[3] - wide[0] == pytest.approx(4 * (narrow[3] - narrow[0]))


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=12))
def test_whitened_entries_have_mean_zero_and_variance_one(values: list[float]) -> None:
    x = torch.tensor([values], dtype=torch.float64)
    mask = torch.ones_like(x, dtype=torch.bool)
    white = whiten(x, mask)
    assert masked_mean(white, mask).abs() < 1e-6
    if masked_var(x, mask) > 1e-3:
        assert masked_var(white, mask).item() == pytest.approx(1, rel=1e-4)


def test_one_entry_whitens_to_zero_instead_of_nan() -> None:
    x, mask = torch.tensor([[3.0, 7.0]]), torch.tensor([[True, False]])
    assert whiten(x, mask).tolist() == [[0.0, 0.0]]
    assert whiten(x, mask, shift_mean=False).tolist() == [[3.0, 0.0]]

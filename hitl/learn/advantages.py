"""How much better a token, or a completion, was than expected."""

from __future__ import annotations

import torch
from torch import Tensor


def token_rewards(score: Tensor, kl: Tensor, mask: Tensor, kl_coef: float) -> Tensor:
    """-kl_coef * kl at each token of the response, the score added at its last: score (B,),
    kl and mask (B, T) -> (B, T). Responses start at column 0."""
    rewards = torch.where(mask, -kl_coef * kl, 0.0)
    last = mask.sum(1) - 1
    return rewards.scatter_add(1, last[:, None], score[:, None])


def gae(rewards: Tensor, values: Tensor, mask: Tensor, gamma: float, lam: float) -> Tensor:
    """Generalized advantage estimation (Schulman et al. 2016, eq. 16), (B, T).

    delta_t = r_t + gamma V_(t+1) - V_t, with V = 0 after the end; A_t = delta_t + gamma lam
    A_(t+1). Entries outside the mask are 0.
    """
    rewards, values = torch.where(mask, rewards, 0.0), torch.where(mask, values, 0.0)
    advantage = torch.zeros_like(rewards[:, 0])
    next_value = torch.zeros_like(advantage)
    columns = []
    for t in reversed(range(rewards.shape[1])):
        delta = rewards[:, t] + gamma * next_value - values[:, t]
        advantage = delta + gamma * lam * advantage
        next_value = values[:, t]
        columns.append(advantage)
    return torch.where(mask, torch.stack(columns[::-1], 1), 0.0)


def leave_one_out(rewards: Tensor, groups: Tensor) -> tuple[Tensor, Tensor]:
    """Mean reward of the others of one's group, and how many they are: rewards (B,), groups (B,)
    naming each one's group -> (B,), (B,). 0 and 0 where there is nobody else (Kool et al. 2019)."""
    same = (groups[:, None] == groups[None, :]).to(rewards.dtype)
    others = same.sum(1) - 1
    total = same @ rewards - rewards
    return total / others.clamp_min(1), others


def baseline_advantages(
    rewards: Tensor, groups: Tensor, mean: Tensor, std: Tensor, shrink: float
) -> Tensor:
    """(reward - baseline) / running std, (B,).

    The baseline is the leave-one-out mean of the group, shrunk to the operator's running mean:
    n others weigh n / (n + shrink). The deviation is the operator's running one too, never the
    group's: dividing by that would make a group of 4 4 4 5 shout as loud as one of 1 1 1 5.
    `rewards`, `groups`, `mean`, `std` are (B,).
    """
    others_mean, n = leave_one_out(rewards, groups)
    weight = n / (n + shrink)
    return (rewards - (weight * others_mean + (1 - weight) * mean)) / std

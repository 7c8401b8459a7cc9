"""KL between policy and reference: what a token costs, and how much the cost weighs."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Penalty = Literal["kl", "abs", "mse", "full"]


def token_kl(logp: Tensor, ref_logp: Tensor, penalty: Penalty = "kl") -> Tensor:
    """KL penalty of each sampled token, nats, (B, T).

    `kl` is the plain estimator log p - log p_ref, `abs` its size, `mse` half its square
    (k1, |k1| and k2 of Schulman, "Approximating KL Divergence", 2020).
    """
    difference = logp - ref_logp
    match penalty:
        case "kl":
            return difference
        case "abs":
            return difference.abs()
        case "mse":
            return 0.5 * difference.square()
    raise ValueError(f"kl penalty {penalty!r} needs whole distributions: use full_kl")


def full_kl(log_p: Tensor, ref_log_p: Tensor) -> Tensor:
    """Exact KL(p || p_ref) of each position, nats: (B, T, V) twice -> (B, T)."""
    # A token of probability 0 adds nothing, whatever the other says of it.
    return torch.where(log_p.isinf(), 0.0, log_p.exp() * (log_p - ref_log_p)).sum(-1)


def k3(logp_new: Tensor, logp_old: Tensor) -> Tensor:
    """Estimate of KL(old || new) from tokens of the old policy, nats a token, never negative:
    ratio - 1 - log ratio (Schulman 2020), (B, T)."""
    difference = logp_new - logp_old
    return torch.expm1(difference) - difference


def adapted_coef(coef: float, kl: float, target: float, labels: int, horizon: float) -> float:
    """The KL weight after a batch of `labels` whose mean sequence KL was `kl` nats: raised above
    the target, lowered below, by at most 20 % a horizon (Ziegler et al. 2019, section 2.2)."""
    error = min(max(kl / target - 1, -0.2), 0.2)
    # More labels than the horizon count as the horizon: the weight must not change its sign.
    return coef * (1 + error * min(labels / horizon, 1.0))

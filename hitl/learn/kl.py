"""KL between policy and reference: what a token costs, and how much the cost weighs."""

from __future__ import annotations

import math
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


def running_kl(before: float, measured: float, labels: int, memory: float) -> float:
    """The sequence KL of a policy that was thought to be `before` nats from the reference and was
    `measured` on a batch of `labels`: 16 completions alone are 10 % off."""
    return before + (measured - before) * labels / (labels + memory)


#: Rows that were taught go further from the reference than others: this much of it is believed.
_BELIEVED = 0.5


def drift_allowed(kl: float, target: float) -> float:
    """How much further from the reference the taught rows may be after an update, nats a
    sequence; negative where the policy is over its target."""
    gap = target - kl
    return gap / _BELIEVED if gap > 0 else gap


def drift_believed(drifted: float) -> float:
    """How much further the policy is, when the taught rows are by `drifted`. The way back is
    straight, and shortens all alike."""
    return drifted * _BELIEVED if drifted > 0 else drifted


#: The weight's part that answers at once goes with this power of KL over target.
_PRESSURE = 2.0
#: What is over the target by a factor of e raises the lasting part by e to this power a horizon.
_GAIN = 5.0


def budget_weight(coef: float, kl: float, target: float) -> float:
    """The KL weight of an update whose policy is `kl` nats a sequence from the reference: `coef`
    at the target, far less below half of it, four times as much at twice."""
    return coef * math.pow(min(max(kl / target, 0.1), 4.0), _PRESSURE)


def budget_coef(coef: float, kl: float, target: float, labels: int, horizon: float) -> float:
    """`coef` after a batch of `labels`: the integral part of a controller on the logarithm of
    the weight, of which `budget_weight` is the proportional one.

    It rises faster than it falls: below the target lies the whole way there, which says nothing
    of the weight that will hold the KL once it has arrived.
    """
    error = min(max(math.log(max(kl, 1e-9) / target), -0.2), 1.0)
    return coef * math.exp(_GAIN * error * min(labels / horizon, 1.0))

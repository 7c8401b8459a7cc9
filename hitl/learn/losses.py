"""The clipped losses of PPO (Schulman et al. 2017), one value a token, (B, T)."""

from __future__ import annotations

import torch
from torch import Tensor


def policy_loss(
    logp: Tensor, old_logp: Tensor, advantages: Tensor, cliprange: float
) -> tuple[Tensor, Tensor]:
    """max(-A ratio, -A clip(ratio, 1 ± cliprange)), and where the clipped one was larger (bool)."""
    ratio = torch.exp(logp - old_logp)
    plain = -advantages * ratio
    clipped = -advantages * ratio.clamp(1 - cliprange, 1 + cliprange)
    return torch.maximum(plain, clipped), clipped > plain


def value_loss(values: Tensor, old_values: Tensor, returns: Tensor, cliprange: float) -> Tensor:
    """Half the squared error to the returns, the worse of the value and the value clipped to
    ± cliprange around what it was."""
    clipped = old_values + (values - old_values).clamp(-cliprange, cliprange)
    return 0.5 * torch.maximum((values - returns).square(), (clipped - returns).square())

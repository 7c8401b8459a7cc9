"""Statistics over the entries of a tensor that count. `mask` is bool, of the tensor's shape."""

from __future__ import annotations

import torch
from torch import Tensor


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    """Mean of x where mask; a scalar. NaN when nothing counts."""
    return torch.where(mask, x, 0.0).sum() / mask.sum()


def masked_var(x: Tensor, mask: Tensor) -> Tensor:
    """Variance of x where mask, with Bessel's correction; 0 for a single entry, where TRL's is
    NaN and takes the weights with it."""
    n = mask.sum()
    centred = torch.where(mask, x - masked_mean(x, mask), 0.0)
    return centred.square().sum() / (n - 1).clamp_min(1)


def whiten(x: Tensor, mask: Tensor, shift_mean: bool = True) -> Tensor:
    """(x - mean) / std over the masked entries, (B, T); the mean put back if not `shift_mean`.
    Entries outside the mask are 0."""
    mean = masked_mean(x, mask)
    white = (x - mean) * torch.rsqrt(masked_var(x, mask) + 1e-8)
    return torch.where(mask, white if shift_mean else white + mean, 0.0)

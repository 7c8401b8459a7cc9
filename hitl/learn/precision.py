"""bf16 where the processor multiplies it natively."""

from __future__ import annotations

import torch


def use_bf16(precision: str, device: str) -> bool:
    """Whether to compute in bf16: asked for, or native on the device that will be used."""
    if precision != "auto":
        return precision == "bf16"
    if device == "auto" and torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    return bf16_on_cpu()


def bf16_on_cpu() -> bool:
    """Whether this processor multiplies bf16 natively. One that does not takes some fifty times
    longer for it than for fp32."""
    native = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return bool(native())

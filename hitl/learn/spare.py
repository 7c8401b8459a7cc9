"""Memory that nobody needs any more."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Iterable

from torch import Tensor

WORTH = 1 << 28
"""Bytes of weights from which it is worth the time: a policy of 124M needs .05 s, and gets 800 MB;
of one of 6M an update would take a tenth longer."""


def give_back(taught: Iterable[Tensor]) -> None:
    """Hands what was freed while `taught` learned back to the system, where the C library would
    keep it for the next tensors of that size: glibc does with all below 32 MB, which of a GPT-2 is
    every matrix of a layer. Elsewhere it does nothing."""
    trim = _trim()
    if trim is not None and sum(p.numel() * p.element_size() for p in taught) >= WORTH:
        trim(0)


@functools.cache
def _trim() -> Callable[[int], int] | None:
    """malloc_trim(3)."""
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # musl, macOS, Windows
        return None
    return trim

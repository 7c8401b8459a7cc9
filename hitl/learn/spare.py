"""Memory that nobody needs any more: glibc keeps it for later, unless it is asked not to.

It keeps what was smaller than 32 MB, which of a GPT-2 is every matrix of a layer. Other C libraries
are left alone.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Callable, Iterable
from typing import Any

from torch import Tensor

WORTH = 1 << 28
"""Bytes of weights from which it is worth the time: a policy of 124M needs .05 s, and gets 800 MB;
of one of 6M an update would take a tenth longer."""

M_MMAP_THRESHOLD, MMAP_FROM = -3, 1 << 20
"""glibc's name for bytes from which memory is the system's again once it is free, and how many."""


def give_back(taught: Iterable[Tensor]) -> None:
    """Hands back what was freed while `taught` learned."""
    trim = _glibc("malloc_trim")
    here = (p.numel() * p.element_size() for p in taught if p.device.type == "cpu")
    if trim is not None and sum(here) >= WORTH:
        trim(0)


def give_back_always() -> None:
    """From now on, as it is freed. For layers that are put together and let go: what they took
    would be kept in more and more places."""
    if (mallopt := _glibc("mallopt")) is not None:
        mallopt(M_MMAP_THRESHOLD, MMAP_FROM)


@functools.cache
def _glibc(name: str) -> Callable[..., Any] | None:
    """Its function of that name."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None

"""Products of a few rows with a large matrix: a layer's, or that of all tokens' embeddings.

Before it multiplies, MKL copies the matrix into an order of its own, for any number of rows; with
few rows that takes as long as the product, and one thread does it while the others wait. Asked for
the products with parts of the matrix, in one call, it copies each into the processor's cache, and
each thread has its own.
"""

from __future__ import annotations

import torch
from torch import Tensor

PART = 256
"""Columns of the matrix in a part."""

LARGE = 1 << 20
"""Numbers in a matrix from which it is worth it: less stays in the cache by itself."""


def in_parts(m: Tensor) -> bool:
    """Whether products with m (D, V) are better made with parts of it."""
    return (
        m.device.type == "cpu"
        and m.dtype is torch.float32
        and m.numel() >= LARGE
        and m.shape[1] >= PART
        and torch.backends.mkl.is_available()  # type: ignore[no-untyped-call]
    )


class Whole:
    """Products x @ m with m (D, V), each in the memory of the one before: to find new memory takes
    the system longer than to go through it. No way back."""

    def __init__(self, m: Tensor, most: int) -> None:
        """Of up to `most` rows."""
        self._m = m.detach()
        self._room = self._made = m.new_empty(most, m.shape[1])

    def make(self, x: Tensor) -> None:
        """Makes that of x (n, D)."""
        self._made = torch.mm(x, self._m, out=self._room[: len(x)])

    def rows(self, some: slice) -> Tensor:
        """(r, V) of r rows of what was made last."""
        return self._made[some]


class InParts:
    """The same with parts of m, of which there is one at least, and with `bias` (V,) added."""

    def __init__(self, m: Tensor, most: int, bias: Tensor | None = None) -> None:
        """Of up to `most` rows."""
        m, bias = m.detach(), None if bias is None else bias.detach()
        self._count = m.shape[1] // PART
        width = self._count * PART
        self._parts = m[:, :width].view(len(m), self._count, PART).movedim(1, 0)
        self._rest = m[:, width:]
        self._bias = None if bias is None else bias[:width].view(-1, PART)
        self._rest_bias = None if bias is None else bias[width:]
        self._room = m.new_empty(self._count * most * PART)
        self._made = self._made_rest = self._room

    def make(self, x: Tensor) -> None:
        """Makes that of x (n, D)."""
        count, n = self._count, len(x)
        self._made = self._room[: count * n * PART].view(count, n, PART)
        torch.bmm(x.expand(count, *x.shape), self._parts, out=self._made)
        if self._rest.numel():
            self._made_rest = x @ self._rest

    def rows(self, some: slice) -> Tensor:
        """(r, V) of r rows of what was made last."""
        made = self._made[:, some].transpose(0, 1)
        wide = (made if self._bias is None else made + self._bias).flatten(1)
        if not self._rest.numel():
            return wide
        rest = self._made_rest[some]
        return torch.cat([wide, rest if self._rest_bias is None else rest + self._rest_bias], 1)

    def __call__(self, x: Tensor) -> Tensor:
        """x (n, D) -> x @ m + bias (n, V)."""
        self.make(x)
        return self.rows(slice(None))

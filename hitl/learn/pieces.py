"""Tensors of which this process may have a piece only, the others the rest (torch's DTensor).

Sums and products number by number are made of pieces as of whole tensors. What else is wanted of
them is here; a tensor that is whole is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor


def whole(tensor: Tensor) -> Tensor:
    """A tensor put together from all pieces: all must ask for it."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def gathered(tensors: Iterable[tuple[str, Tensor]], keep: bool) -> dict[str, Tensor]:
    """Each put together, one at a time, and on the CPU where this process is to `keep` them; else
    none. What is one tensor by two names stays one."""
    found: dict[int, tuple[Tensor, Tensor | None]] = {}
    kept: dict[str, Tensor] = {}
    for name, tensor in tensors:
        if id(tensor) not in found:
            value = whole(tensor.detach())
            found[id(tensor)] = tensor, value.cpu() if keep else None
        if (value_here := found[id(tensor)][1]) is not None:
            kept[name] = value_here
    return kept


@torch.no_grad()
def put(value: Tensor, into: Tensor) -> None:
    """Copies a whole tensor into one of its shape. Raises ValueError for another shape."""
    if value.shape != into.shape:
        raise ValueError(f"a tensor of {tuple(value.shape)} in the place of {tuple(into.shape)}")
    if isinstance(into, DTensor):
        rank, pieces = into.device_mesh.get_local_rank(), value.chunk(into.device_mesh.size())
        into, value = into.to_local(), pieces[rank] if rank < len(pieces) else value[:0]
    into.copy_(value)


def cut_as(tensor: Tensor, value: Tensor) -> Tensor:
    """Of a whole `value` what this process has of `tensor`, which is of its shape."""
    if not isinstance(tensor, DTensor):
        return value
    piece = torch.zeros_like(tensor, requires_grad=False)
    put(value, piece)
    return piece

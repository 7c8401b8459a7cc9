"""An update divided among several processes: which rows are one's own, and how sums are made.

Every process is given the whole batch. What takes long, forward and backward passes, each one makes
for its own rows; what comes of them is added up, so that all go on from the same numbers, bit for
bit, and decide alike. Each holds the whole policy, or, where there is a mesh, a piece of it: then
all go forward at once, for a layer is put together from everyone's pieces.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributed.device_mesh import DeviceMesh

BUCKET = 1 << 24
"""Entries that are added up at once: what a sum needs of memory beside the gradients."""


@dataclass(frozen=True)
class Share:
    """One process's part of an update."""

    rank: int
    """0 to size - 1."""
    size: int
    device: torch.device
    """Where what is added up lies."""
    add_up: Callable[[Tensor], None]
    """Puts the sum over all shares in a tensor's place, the same bits in each. All call it in the
    same order, with tensors of one shape. Raises PeerLostError."""
    mesh: DeviceMesh | None = None
    """Over which the policy lies in pieces; None: each process has the whole of it."""

    @property
    def whole(self) -> bool:
        """Whether there are no others."""
        return self.size == 1

    @property
    def in_pieces(self) -> bool:
        """Whether each has a piece of the policy: what goes forward is everyone's, at once."""
        return self.mesh is not None

    def of(self, index: Tensor) -> Tensor:
        """One's own of the rows `index` (N,): none where there are too few for all."""
        return index if self.whole else index[self.rank :: self.size]

    def passes(self, index: Tensor, size: int) -> list[Tensor]:
        """One's own of the rows `index` (N,), at most `size` of them a forward pass. With a policy
        in pieces all shares have as many passes, and the last may be of no row."""
        own = self.of(index)
        passes = list(torch.split(own, size)) if len(own) else []
        if self.in_pieces:
            most = -(-len(index) // self.size)  # rows of the first share
            passes += [own[:0]] * (-(-most // size) - len(passes))
        return passes

    def first(self, own: Tensor) -> Tensor:
        """What the first share has, for those who must go forward together; one's own else."""
        if not self.in_pieces:
            return own
        every = own.clone() if self.rank == 0 else torch.zeros_like(own)
        self.add_up(every)
        return every

    def sum(self, *own: Tensor) -> None:
        """Adds each up, in place."""
        if not self.whole:
            for tensor in own:
                self.add_up(tensor)

    def spread(self, own: Tensor, index: Tensor, rows: int) -> Tensor:
        """(rows, …) of all shares from one's `own` (n, …), whose places are `index` (n,)."""
        if self.whole:
            return own
        every = torch.zeros((rows, *own.shape[1:]), dtype=own.dtype, device=self.device)
        every[index] = own.to(self.device)
        self.add_up(every)
        return every.to(own.device)

    def sum_gradients(self, parameters: Sequence[Tensor]) -> None:
        """Adds up the gradients. A parameter that has none in any share is left without. Those of
        a policy in pieces were added up on the way back."""
        if self.whole or self.in_pieces:
            return
        given = torch.tensor([float(p.grad is not None) for p in parameters], device=self.device)
        self.add_up(given)
        gradients = []
        for parameter, count in zip(parameters, given.tolist(), strict=True):
            if count:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
                gradients.append(parameter.grad)
        for bucket in _buckets(gradients):
            flat = torch.cat([gradient.reshape(-1) for gradient in bucket])
            self.add_up(flat)
            pieces = torch.split(flat, [gradient.numel() for gradient in bucket])
            for gradient, piece in zip(bucket, pieces, strict=True):
                gradient.copy_(piece.view_as(gradient))

    @contextlib.contextmanager
    def agreeing(self) -> Iterator[None]:
        """Memory that runs out inside, in one share, has run out for all: they try again in smaller
        pieces together. Inside nothing is added up. Raises torch.OutOfMemoryError.

        With a policy in pieces the others wait inside a layer, and cannot agree to anything: it is
        raised in the one share alone."""
        if self.in_pieces:
            yield
            return
        lacking: torch.OutOfMemoryError | None = None
        try:
            yield
        except torch.OutOfMemoryError as error:
            if self.whole:
                raise
            lacking = error
        if self.whole:
            return
        lack = torch.tensor([float(lacking is not None)], device=self.device)
        self.add_up(lack)
        if float(lack):
            raise lacking or torch.OutOfMemoryError("in a process that shares the update")


def _nothing(tensor: Tensor) -> None:
    """The sum of one."""


ALONE = Share(0, 1, torch.device("cpu"), _nothing)
"""Of an update that is made in one process."""


def _buckets(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """In order, so many together as BUCKET allows, and at least one."""
    bucket: list[Tensor] = []
    for tensor in tensors:
        if bucket and sum(t.numel() for t in bucket) + tensor.numel() > BUCKET:
            yield bucket
            bucket = []
        bucket.append(tensor)
    if bucket:
        yield bucket

"""A policy in pieces: each of several processes keeps a part of every tensor (torch's FSDP2).

A layer is put together from all pieces where it is called, and let go behind it; so are embeddings,
the last norm and the heads, which are needed longer. Gradients are cut on their way back, and what
is made of the pieces one by one (the optimizer's moments, what one goes back to, a step that is
shortened) is in pieces too. All processes must go forward together, whatever for.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor
from transformers import PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer

from hitl.learn.policy import Policy
from hitl.learn.reading import Reading


class PolicyInPieces(Policy):
    """A policy that `cut` has cut."""

    def __init__(
        self, model: PreTrainedModel, seed: int, compute: torch.dtype = torch.float32
    ) -> None:
        super().__init__(model, seed, compute)
        self.pieces: dict[str, nn.Parameter] = {}
        """Of all parameters, whatever is put together at the moment."""

    def trained(self) -> dict[str, nn.Parameter]:
        """See Policy.trained: this process's pieces."""
        return {name: p for name, p in self.pieces.items() if p.requires_grad}

    def forward(
        self, ids: Tensor, attention_mask: Tensor, columns: Tensor
    ) -> tuple[Reading, Tensor]:
        """What FSDP surrounds with the putting together."""
        reading, values = super().read(ids, attention_mask, columns)
        return reading, values.clone()  # a view might lose the hook that FSDP puts on it

    def read(self, ids: Tensor, attention_mask: Tensor, columns: Tensor) -> tuple[Reading, Tensor]:
        """See Policy.read. With a way back, the head stays put together until that is behind it:
        no weight may change before."""
        pending = not isinstance(self.value_head.weight, DTensor)
        reading, values = self(ids, attention_mask, columns)
        if torch.is_grad_enabled():
            return reading, values
        if reading.cast is not None:  # the head is let go, and what was read is used later
            kept = reading.cast.clone()
            reading = dataclasses.replace(reading, weight=kept, cast=kept)
        if not pending:  # an earlier reading's way back is not to come
            _fsdp(self).reshard()
        return reading, values

    @contextlib.contextmanager
    def writing(self) -> Iterator[PreTrainedModel]:
        """See LanguageModel. Embeddings and head are put together once for all tokens."""
        _fsdp(self).unshard()
        try:
            with super().writing() as model:
                yield model
        finally:
            _fsdp(self).reshard()


@torch.no_grad()
def cut(policy: PolicyInPieces, mesh: DeviceMesh) -> None:
    """Leaves this process its piece of each tensor of `policy`, in place, on the device of `mesh`.
    They go there layer by layer: no more than one is whole on it.

    Raises ValueError for a model whose layers cannot be told.
    """
    from torch.distributed.fsdp import fully_shard

    layers = [m for m in policy.modules() if isinstance(m, GradientCheckpointingLayer)]
    if not layers:
        raise ValueError("it has no layers that could be put together one at a time")
    for module in (*reversed(layers), policy):  # from the inside out
        fully_shard(module, mesh=mesh, reshard_after_forward=module is not policy)
        part = _fsdp(module)
        part.set_gradient_divide_factor(1.0)  # a loss is divided by all rows already
        part.set_force_sum_reduction_for_comms(True)  # gloo knows no other sum
    policy.pieces = dict(policy.named_parameters())
    # It is the first module to go forward that FSDP takes for the outermost.
    one = torch.zeros((1, 1), dtype=torch.long, device=mesh.device_type)
    policy.read(one, torch.ones_like(one), one)


def _fsdp(module: nn.Module) -> Any:
    """`cut` has made it a torch.distributed.fsdp.FSDPModule as well."""
    return module

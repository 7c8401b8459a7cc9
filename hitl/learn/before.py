"""The policy as it was before an update, to go back to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor


class Before:
    """Weights and moments as they were before they moved.

    Whoever is about to move some calls `keep` with them first. So no copy is made before it is
    needed: while the activations of the way back are there, nothing is held twice, and while the
    weights take their step a gradient can go as a copy comes.
    """

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self._optimizer = optimizer
        self._kept: dict[Tensor, tuple[Tensor, dict[str, Any]]] = {}

    def keep(self, parameters: Iterable[Tensor]) -> None:
        """Copies those that were not kept yet, and what the optimizer holds of them."""
        for parameter in parameters:
            if parameter not in self._kept:
                held = self._optimizer.state.get(parameter, {})
                state = {n: v.clone() if isinstance(v, Tensor) else v for n, v in held.items()}
                self._kept[parameter] = parameter.detach().clone(), state

    def weights(self) -> Sequence[tuple[Tensor, Tensor]]:
        """What was kept, as it is now and as it was."""
        return [(parameter, weight) for parameter, (weight, _) in self._kept.items()]

    @torch.no_grad()
    def restore(self) -> None:
        """Puts it back, bit for bit, as often as asked. What was not kept has not moved."""
        for parameter, (weight, state) in self._kept.items():
            parameter.copy_(weight)
            held = self._optimizer.state[parameter]
            # In place: this may be because there was no memory left.
            for name in held.keys() - state.keys():
                del held[name]
            for name, value in state.items():
                if isinstance(value, Tensor):
                    held[name].copy_(value)
                else:
                    held[name] = value
        self._optimizer.zero_grad(set_to_none=True)

"""Adam without its first moment, which is then not kept either."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam


def adam_for(
    parameters: Iterable[Tensor], lr: float, betas: tuple[float, float], eps: float
) -> torch.optim.Optimizer:
    """Adam (Kingma and Ba 2015). Where its first moment remembers nothing, it takes no memory."""
    if betas[0] == 0:
        return MomentumFreeAdam(parameters, lr, betas[1], eps)
    return torch.optim.Adam(parameters, lr=lr, betas=betas, eps=eps, fused=True)


class MomentumFreeAdam(torch.optim.Optimizer):
    """Adam with β1 = 0: RMSprop with Adam's correction of its bias. 4 bytes a weight less than
    `torch.optim.Adam`, and as many less in what an update goes back to and in each
    checkpoint."""

    def __init__(self, parameters: Iterable[Tensor], lr: float, beta2: float, eps: float) -> None:
        # "fused" tells load_state_dict where the count of steps is to lie.
        super().__init__(parameters, {"lr": lr, "beta2": beta2, "eps": eps, "fused": True})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """See Optimizer. The closure is not called."""
        for group in self.param_groups:
            taught = [p for p in group["params"] if p.grad is not None]
            gradients = [p.grad for p in taught]
            states = [self._state_of(p) for p in taught]
            # The first moment is the gradient itself, and is written where it was read.
            adam(
                taught,
                gradients,
                gradients,
                [state["exp_avg_sq"] for state in states],
                [],
                [state["step"] for state in states],
                fused=True,
                amsgrad=False,
                beta1=0.0,
                beta2=group["beta2"],
                lr=group["lr"],
                weight_decay=0.0,
                eps=group["eps"],
                maximize=False,
            )

    def _state_of(self, parameter: Tensor) -> dict[str, Any]:
        state: dict[str, Any] = self.state[parameter]
        if not state:
            state["step"] = torch.zeros((), device=parameter.device)
            state["exp_avg_sq"] = torch.zeros_like(parameter)
        return state

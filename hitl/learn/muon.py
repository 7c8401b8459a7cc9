"""Muon for matrices and AdamW for everything else, as the one optimiser the Trainer expects."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor


class MuonAdamW(torch.optim.Optimizer):
    """``torch.optim.Muon`` on ``matrices`` (2-D), ``AdamW`` on ``rest``, under one schedule.

    Muon's update is scaled to AdamW's usual size, so that both share one learning rate.
    """

    def __init__(
        self, matrices: Iterable[Tensor], rest: Iterable[Tensor], lr: float, weight_decay: float
    ) -> None:
        matrices, rest = list(matrices), list(rest)
        decayed = [p for p in rest if p.ndim >= 2]
        plain = [p for p in rest if p.ndim < 2]
        self.muon = torch.optim.Muon(
            matrices, lr=lr, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"
        )
        self.adamw = torch.optim.AdamW(
            [
                {"params": decayed, "weight_decay": weight_decay},
                {"params": plain, "weight_decay": 0.0},
            ],
            lr=lr,
            betas=(0.9, 0.95),
            fused=True,
        )
        # The very dicts of the two: a scheduler that changes a rate here changes it there.
        super().__init__([*self.muon.param_groups, *self.adamw.param_groups], {"lr": lr})

    @classmethod
    def split(
        cls, model: torch.nn.Module, blocks: torch.nn.Module, lr: float, weight_decay: float
    ) -> MuonAdamW:
        """Muon for the matrices inside ``blocks``, AdamW for the rest of ``model``."""
        matrices = [p for p in blocks.parameters() if p.ndim == 2]
        chosen = {id(p) for p in matrices}
        rest = [p for p in model.parameters() if id(p) not in chosen]
        return cls(matrices, rest, lr, weight_decay)

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        self.muon.step()  # type: ignore[no-untyped-call]
        self.adamw.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        return {"muon": self.muon.state_dict(), "adamw": self.adamw.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.muon.load_state_dict(state_dict["muon"])
        self.adamw.load_state_dict(state_dict["adamw"])
        self.param_groups = [*self.muon.param_groups, *self.adamw.param_groups]

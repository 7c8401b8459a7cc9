"""The labels a run has learned from so far, as the reward model wants them.

They travel in the checkpoint beside the trainer's state: an update must not depend on whether the
program was stopped before it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from hitl.learn.rollout import Rollout

FILE = "labels.safetensors"

REMEMBERED = 1024
"""Labels kept, the newest: bounds what a refit and a checkpoint cost."""


@dataclass(frozen=True)
class Labels:
    """N labels with the features of their completions; the last of a group follow its first."""

    features: Tensor
    """(N, D) fp32, on the CPU."""
    reward: Tensor
    """(N,) on the operator's scale."""
    group: Tensor
    """(N,) which group each belongs to, growing."""
    prompts: Tensor
    """(N, P) prompt ids, padded on the right."""
    prompt_lengths: Tensor
    """(N,)"""

    @classmethod
    def none(cls) -> Labels:
        """Before the first."""
        empty = torch.zeros(0, dtype=torch.long)
        return cls(torch.zeros(0, 0), torch.zeros(0), empty, torch.zeros(0, 0).long(), empty)

    def __len__(self) -> int:
        return len(self.reward)

    def with_batch(self, rollout: Rollout, features: Tensor) -> Labels:
        """With those of an update; `features` (B, D) are its completions'."""
        lengths = rollout.prompt_lengths.cpu()
        prompts = rollout.ids.cpu()[:, : int(lengths.max())]
        prompts = torch.where(torch.arange(prompts.shape[1]) < lengths[:, None], prompts, 0)
        first = int(self.group[-1]) + 1 if len(self) else 0
        if not len(self):
            mine = [features, rollout.score.cpu(), rollout.group.cpu(), prompts, lengths]
        else:
            width = max(self.prompts.shape[1], prompts.shape[1])
            mine = [
                torch.cat([self.features, features]),
                torch.cat([self.reward, rollout.score.cpu()]),
                torch.cat([self.group, rollout.group.cpu() + first]),
                torch.cat([_widened(self.prompts, width), _widened(prompts, width)]),
                torch.cat([self.prompt_lengths, lengths]),
            ]
        return Labels(*(tensor[-REMEMBERED:] for tensor in mine))

    @property
    def groups(self) -> Tensor:
        """(G,) the groups there are, in order."""
        groups: Tensor = torch.unique_consecutive(self.group)
        return groups

    def prompt_of(self, group: int) -> tuple[int, ...]:
        """Prompt ids of a group."""
        row = int((self.group == group).nonzero()[0])
        return tuple(self.prompts[row, : int(self.prompt_lengths[row])].tolist())

    def save(self, directory: Path) -> None:
        """Writes them into a checkpoint's folder; `load` reads them."""
        tensors = {f.name: getattr(self, f.name).contiguous() for f in fields(self)}
        save_file(tensors, directory / FILE)

    @classmethod
    def load(cls, directory: Path) -> Labels:
        """Raises ValueError for a checkpoint without them."""
        path = directory / FILE
        if not path.exists():
            raise ValueError(f"the checkpoint lacks {FILE}, which --amplify learns from")
        return cls(**load_file(path))


def _widened(prompts: Tensor, width: int) -> Tensor:
    return torch.nn.functional.pad(prompts, (0, width - prompts.shape[1]))

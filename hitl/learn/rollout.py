"""A batch of judged completions as tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hitl.records import LabelledGroup


@dataclass(frozen=True)
class Rollout:
    """B completions of up to T tokens after prompts, L = longest prompt + completion.

    Rows are padded on the right: then position ids are simply 0 … L-1 and no row's numbers depend
    on the others. Padding is told by `mask`, never by the id.
    """

    ids: Tensor
    """(B, L) prompt, completion, padding."""
    lengths: Tensor
    """(B,) tokens of prompt and completion."""
    prompt_lengths: Tensor
    """(B,)"""
    mask: Tensor
    """(B, T) bool: tokens of the completion, end token included."""
    old_logp: Tensor
    """(B, T) behaviour log-probabilities."""
    score: Tensor
    """(B,) rewards, all finite."""
    group: Tensor
    """(B,) which group of the batch a completion belongs to."""
    sampled: Tensor
    """(B,) bool: written by the policy; False of an operator's own text."""

    def rows(self, index: Tensor) -> Rollout:
        """The rows `index` (N,), padding trimmed to their own longest. None: as wide as the first
        row."""
        if not len(index):
            first = self.rows(self.every_row[:1]) if len(self.ids) else self
            return Rollout(*(getattr(first, name)[:0] for name in self.__dataclass_fields__))
        lengths, mask = self.lengths[index], self.mask[index]
        L, T = int(lengths.max()), int(mask.sum(1).max())
        return Rollout(
            self.ids[index, :L],
            lengths,
            self.prompt_lengths[index],
            mask[:, :T],
            self.old_logp[index, :T],
            self.score[index],
            self.group[index],
            self.sampled[index],
        )

    def measured(self, most: int) -> Tensor:
        """(B, T) bool: the tokens that tell how far the policy is from the reference, in whole
        rows of it: what it wrote itself. It would never have written an operator's text, and is
        far from the reference there however near it stays. Where there is nothing else, as much
        of that counts as a completion may have, `most` tokens."""
        if bool(self.sampled.any()):
            return self.mask & self.sampled[:, None]
        return self.mask & (torch.arange(self.mask.shape[1], device=self.mask.device) < most)

    @property
    def every_row(self) -> Tensor:
        """(B,) places of all rows."""
        return torch.arange(len(self.ids), device=self.ids.device)

    @property
    def tokens(self) -> Tensor:
        """(B, T) ids of the completion; 0 outside the mask."""
        return torch.where(self.mask, self.ids.gather(1, self._columns()), 0)

    @property
    def predictors(self) -> Tensor:
        """(B, T) the column of `ids` whose logits predict each completion token."""
        return (self._columns() - 1).clamp_min(0)

    def _columns(self) -> Tensor:
        steps = torch.arange(self.mask.shape[1], device=self.ids.device)
        columns = self.prompt_lengths[:, None] + steps
        return columns.clamp_max(self.ids.shape[1] - 1)


def rollout_of(batch: Sequence[LabelledGroup], pad_id: int, device: torch.device) -> Rollout:
    """Everything judged in the batch; completions whose reward is NaN, and empty ones, stay out."""
    rows = [
        (g.group.prompt_ids, c, reward, number, place != g.edit_at)
        for number, g in enumerate(batch)
        for place, (c, reward) in enumerate(zip(g.group.completions, g.rewards, strict=True))
        if not math.isnan(reward) and c.token_ids
    ]
    B = len(rows)
    L = max((len(p) + len(c.token_ids) for p, c, *_ in rows), default=0)
    T = max((len(c.token_ids) for _, c, *_ in rows), default=0)
    ids = torch.full((B, L), pad_id, dtype=torch.long)
    old_logp = torch.zeros(B, T)
    mask = torch.zeros(B, T, dtype=torch.bool)
    for b, (prompt, completion, *_) in enumerate(rows):
        sequence = (*prompt, *completion.token_ids)
        ids[b, : len(sequence)] = torch.tensor(sequence)
        n = len(completion.token_ids)
        old_logp[b, :n] = torch.tensor(completion.logprobs)
        mask[b, :n] = True
    return Rollout(
        ids.to(device),
        torch.tensor([len(p) + len(c.token_ids) for p, c, *_ in rows], device=device),
        torch.tensor([len(p) for p, *_ in rows], device=device),
        mask.to(device),
        old_logp.to(device),
        torch.tensor([r for _, _, r, _, _ in rows], dtype=torch.float32, device=device),
        torch.tensor([g for *_, g, _ in rows], device=device),
        torch.tensor([s for *_, s in rows], dtype=torch.bool, device=device),
    )

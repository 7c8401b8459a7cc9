"""A reward model of the labels so far, refitted in milliseconds before it is asked.

Ridge regression on features of the frozen reference: the mean of several fitted to groups drawn
with replacement, less their disagreement, so that what the labels say nothing of earns nothing
(Coste et al. 2024, "Reward Model Ensembles Help Mitigate Overoptimization"). It is asked only if it
orders groups it was not fitted to well enough.

Shapes: N labels, M texts to judge, D features, H heads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from hitl.learn.labels import Labels

RIDGE = 3.0
"""Weight of the penalty, where features have length 1 on average."""

HEADS = 8
FOLDS = 8

FEWEST_GROUPS = 6
"""Below, too little is known to tell whether the model knows anything."""


@dataclass(frozen=True)
class Scale:
    """What the base policy's own completions are like, in the reference's features."""

    mean: Tensor
    """(D,)"""
    size: Tensor
    """(D,) divisor: one for all features of a depth, so that none outweighs another's."""

    @classmethod
    def of(cls, features: Tensor, depths: int) -> Scale:
        """`features` (B, D) of completions of the base policy, with `depths` blocks in D."""
        mean = features.double().mean(0)
        blocks = (features.double() - mean).reshape(len(features), depths, -1)
        lengths = blocks.norm(dim=2).mean(0).clamp_min(1e-9) * math.sqrt(depths)
        return cls(mean, lengths.repeat_interleave(blocks.shape[2]))

    def __call__(self, features: Tensor) -> Tensor:
        """(B, D) fp64, of mean 0 and length about 1 for the base policy's."""
        return (features.double() - self.mean) / self.size


@dataclass(frozen=True)
class Judge:
    """Fitted."""

    scale: Scale
    heads: Tensor
    """(D, H) fp64."""
    offset: Tensor
    """(H,) what each gives the base policy's completions on average."""
    spread: Tensor
    """(H,) and their standard deviation."""

    def __call__(self, features: Tensor, pessimism: float) -> Tensor:
        """(M,) rewards of texts by their features (M, D), in standard deviations of the base
        policy's: mean of the heads less `pessimism` times their standard deviation."""
        said = (self.scale(features) @ self.heads - self.offset) / self.spread
        return said.mean(1) - pessimism * said.std(1)


def fit(labels: Labels, base: Tensor, scale: Scale, generator: torch.Generator) -> Judge:
    """To all labels; `base` (B, D) are features of the base policy's completions."""
    x, y = _within_groups(labels, scale)
    rows = [(labels.group == group).nonzero().squeeze(1) for group in labels.groups]
    heads = []
    for _ in range(HEADS):
        drawn = torch.randint(len(rows), (len(rows),), generator=generator).tolist()
        index = torch.cat([rows[i] for i in drawn])
        heads.append(_ridge(x[index], y[index]))
    stacked = torch.stack(heads, 1)
    said = scale(base) @ stacked
    return Judge(scale, stacked, said.mean(0), said.std(0).clamp_min(1e-9))


def accuracy(labels: Labels, scale: Scale) -> float | None:
    """Share of the pairs within groups that a model fitted to the other groups puts in the
    operator's order; pairs they called equal aside. None when there are none, or too few groups."""
    groups = labels.groups
    if len(groups) < FEWEST_GROUPS:
        return None
    x, y = _within_groups(labels, scale)
    fold = torch.zeros_like(labels.group)
    for place, group in enumerate(groups):
        fold[labels.group == group] = place % FOLDS
    said = torch.zeros_like(y)
    for out in range(FOLDS):
        held = fold == out
        said[held] = x[held] @ _ridge(x[~held], y[~held])
    pairs = (labels.group[:, None] == labels.group[None, :]) & (y[:, None] > y[None, :])
    if not pairs.any():
        return None
    return float((said[:, None] > said[None, :])[pairs].double().mean())


def _within_groups(labels: Labels, scale: Scale) -> tuple[Tensor, Tensor]:
    """Features and rewards, each less its group's mean: prompts differ in what they bring forth,
    and an operator drifts, but within a group both stand still. Rewards have deviation 1."""
    _, place = torch.unique_consecutive(labels.group, return_inverse=True)
    same = (place[:, None] == place[None, :]).double()
    same /= same.sum(1, keepdim=True)
    x, y = scale(labels.features), labels.reward.double()
    y = y - same @ y
    return x - same @ x, y / y.square().mean().sqrt().clamp_min(1e-9)


def _ridge(x: Tensor, y: Tensor) -> Tensor:
    """(D,) weights; solved in the smaller of the two spaces, (N, N) or (D, D)."""
    n, d = x.shape
    if n <= d:
        dual: Tensor = torch.linalg.solve(x @ x.T + RIDGE * torch.eye(n, dtype=x.dtype), y)
        return x.T @ dual
    primal: Tensor = torch.linalg.solve(x.T @ x + RIDGE * torch.eye(d, dtype=x.dtype), x.T @ y)
    return primal

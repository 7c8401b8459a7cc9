"""Which of many completions are shown: those that differ most.

Of a few that are alike a judgement says little. Chosen are the two furthest apart, and then, one
after the other, the one that is furthest from all chosen so far (Gonzalez 1985, "Clustering to
minimize the maximum intercluster distance").
"""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from hitl.learn.features import features
from hitl.learn.policy import LanguageModel
from hitl.learn.rollout import rollout_of
from hitl.records import Group, LabelledGroup, Mode


def varied(group: Group, size: int, reference: LanguageModel, pad_id: int, micro: int) -> Group:
    """The `size` completions of a group that differ most in the reference's features, in their
    order; `micro` go forward at once."""
    unjudged = LabelledGroup(group, (0.0,) * len(group.completions), "", Mode.SCORE)
    seen = features(reference, rollout_of([unjudged], pad_id, reference.device), micro)
    chosen = sorted(most_different(seen, size))
    return dataclasses.replace(group, completions=tuple(group.completions[i] for i in chosen))


def most_different(points: Tensor, count: int) -> list[int]:
    """Indices of `count` of the points (N, D), N >= count, in the order they are chosen."""
    apart = torch.cdist(points.double(), points.double())
    chosen = [int(apart.argmax()) // len(points)]
    while len(chosen) < count:
        nearest = apart[:, chosen].min(1).values
        nearest[chosen] = -1.0
        chosen.append(int(nearest.argmax()))
    return chosen

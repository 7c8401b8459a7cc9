"""What operators usually give: the baseline of an update, carried from batch to batch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hitl.config.ppo import PPOConfig
from hitl.learn.moments import Moments
from hitl.learn.rollout import Rollout
from hitl.records import LabelledGroup, Mode
from hitl.scale import Scale


@dataclass(frozen=True)
class Expected:
    """What each completion's operator usually gives, (B,) each; for the human preset."""

    mean: Tensor
    std: Tensor


def expected(
    batch: Sequence[LabelledGroup],
    rollout: Rollout,
    known: Mapping[str, Moments],
    scale: Scale,
    ppo: PPOConfig,
) -> Expected:
    """What the operators of a batch have given until now, without this batch. `known` are their
    moments by "operator/mode", before it."""
    judged = [batch[int(g)] for g in rollout.group]
    moments = [_moments_of(group, known, scale, ppo) for group in judged]
    floors = [ppo.std_floor * prior(group.mode, scale, ppo).std for group in judged]
    device = rollout.score.device
    return Expected(
        mean=torch.tensor([m.mean for m in moments], device=device),
        std=torch.tensor(
            [max(m.std, floor) for m, floor in zip(moments, floors, strict=True)],
            device=device,
        ),
    )


def moments_after(
    batch: Sequence[LabelledGroup], known: Mapping[str, Moments], scale: Scale, ppo: PPOConfig
) -> dict[str, Moments]:
    """`known` with the batch taken in."""
    after = dict(known)
    by_judge: dict[str, list[LabelledGroup]] = {}
    for group in batch:
        by_judge.setdefault(_judge(group), []).append(group)
    for judge, groups in by_judge.items():
        rewards = [r for g in groups for r in g.rewards if not math.isnan(r)]
        before = _moments_of(groups[0], known, scale, ppo)
        after[judge] = before.updated(rewards, ppo.baseline_memory)
    return after


def prior(mode: Mode, scale: Scale, ppo: PPOConfig) -> Moments:
    """What the way of judging promises before anything was judged."""
    if mode is Mode.SCORE:
        return Moments(scale.middle, scale.spread**2, ppo.prior_labels)
    return Moments(0.0, 5 / 9, ppo.prior_labels)  # centred ranks of 4: ±1, ±1/3


def _moments_of(
    group: LabelledGroup, known: Mapping[str, Moments], scale: Scale, ppo: PPOConfig
) -> Moments:
    found = known.get(_judge(group))
    return found if found is not None else prior(group.mode, scale, ppo)


def _judge(group: LabelledGroup) -> str:
    return f"{group.operator}/{group.mode}"

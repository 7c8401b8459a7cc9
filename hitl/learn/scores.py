"""Scores as the classic step wants them: divided by their running deviation, clipped, or as they
are. The human preset compares with each operator's own moments instead (`expected`)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from hitl.config.ppo import PPOConfig
from hitl.learn.moments import Moments

NONE_YET = Moments(0.0, 1.0, 0.0)
"""Before any score was given."""


def scaled_scores(score: Tensor, known: Moments, config: PPOConfig) -> tuple[Tensor, Moments]:
    """(B,) scores ready for the step, and the moments of all scores with these taken in.

    As in TRL, the batch counts before it is scaled, and the deviation has Bessel's correction;
    unlike there, scores that have no deviation yet (one, or all equal) stay as large as they are.
    """
    if config.advantage != "gae":
        return score, known
    if config.use_score_scaling:
        known = known.updated(score.tolist(), math.inf)
        deviation = 1.0
        if known.weight > 1 and known.var > 0:
            bessel = known.weight / (known.weight - 1)
            deviation = math.sqrt(known.var * bessel) + torch.finfo(score.dtype).eps
        score = (score - known.mean if config.use_score_norm else score) / deviation
    if config.score_clip is not None:
        score = score.clamp(-config.score_clip, config.score_clip)
    return score, known

"""What a policy says of completions, by one forward pass over right-padded rows.

Shapes: B completions, T tokens of the longest, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from hitl.learn import losses
from hitl.learn.kl import full_kl
from hitl.learn.policy import LanguageModel
from hitl.learn.rollout import Rollout
from hitl.learn.sampling import Sampling, warp
from hitl.learn.share import ALONE, Share


@dataclass(frozen=True)
class Evaluated:
    """What a policy says of the completions: (B, T) log-probabilities, values, entropies."""

    logp: Tensor
    values: Tensor
    entropy: Tensor
    log_p: Tensor
    """(B, T, V) whole distributions."""
    free_log_p: Tensor
    """The same without top-k and top-p: a token that leaves the most likely ones is no infinite
    distance."""


def evaluate(policy: LanguageModel, rollout: Rollout, how: Sampling) -> Evaluated:
    """One forward pass over right-padded rows, under the sampling's transformation."""
    columns = torch.arange(rollout.ids.shape[1], device=rollout.ids.device)
    logits, values = policy(rollout.ids, (columns < rollout.lengths[:, None]).long())
    rows = torch.arange(len(rollout.ids), device=rollout.ids.device)[:, None]
    tokens = rollout.tokens
    logits = logits[rows, rollout.predictors]  # (B, T, V)
    picked = warp(logits, how, keep=tokens)
    log_p = picked.log_softmax(-1)
    free = log_p if how.free else warp(logits, how.unrestricted).log_softmax(-1)
    return Evaluated(
        logp=log_p.gather(-1, tokens[..., None]).squeeze(-1),
        values=values[rows, rollout.predictors],
        entropy=losses.entropy(picked),
        log_p=log_p,
        free_log_p=free,
    )


@torch.no_grad()
def evaluate_all(
    policy: LanguageModel, rollout: Rollout, how: Sampling, micro: int, share: Share = ALONE
) -> list[Tensor]:
    """(B, T) log-probabilities, values and entropies, `micro` rows at a time."""
    shape = rollout.mask.shape
    out = [torch.zeros(shape, device=rollout.ids.device) for _ in range(3)]
    with share.agreeing():
        for index in split(share.of(rollout.every_row), micro):
            part = evaluate(policy, rollout.rows(index), how)
            width = part.logp.shape[1]
            for whole, piece in zip(out, (part.logp, part.values, part.entropy), strict=True):
                whole[index, :width] = piece
    share.sum(*out)  # what is not one's own is 0
    return out


@torch.no_grad()
def full_kl_all(
    policy: LanguageModel,
    reference: LanguageModel,
    rollout: Rollout,
    how: Sampling,
    micro: int,
    share: Share = ALONE,
) -> Tensor:
    """(B, T) exact KL of each position's distribution to the reference's, nats."""
    kl = torch.zeros(rollout.mask.shape, device=rollout.ids.device)
    with share.agreeing():
        for index in split(share.of(rollout.every_row), micro):
            rows = rollout.rows(index)
            ours, theirs = evaluate(policy, rows, how), evaluate(reference, rows, how)
            kl[index, : rows.mask.shape[1]] = full_kl(ours.free_log_p, theirs.free_log_p)
    share.sum(kl)
    return kl


def split(index: Tensor, size: int) -> Iterator[Tensor]:
    """`index` (N,) in pieces of at most `size`, none of them empty."""
    return iter(torch.split(index, size) if len(index) else ())

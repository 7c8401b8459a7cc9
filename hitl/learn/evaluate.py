"""What a policy says of completions, by one forward pass over right-padded rows.

Shapes: B completions, T tokens of the longest, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from hitl.learn.policy import LanguageModel
from hitl.learn.reading import Reading, exact_kl, token_logp
from hitl.learn.rollout import Rollout
from hitl.learn.sampling import Sampling


@dataclass(frozen=True)
class Evaluated:
    """What a policy says of the completions, (B, T) each."""

    logp: Tensor
    values: Tensor
    entropy: Tensor
    """Without gradient."""
    reading: Reading
    """What whole distributions can be made of."""

    def rows(self, index: Tensor | slice, width: int) -> Evaluated:
        """The rows `index`, their first `width` columns."""
        parts = (part[index, :width] for part in (self.logp, self.values, self.entropy))
        return Evaluated(*parts, self.reading.rows(index, width))

    def detached(self) -> Evaluated:
        """The same without a way back."""
        parts = (part.detach() for part in (self.logp, self.values, self.entropy))
        return Evaluated(*parts, self.reading.detached())


def evaluate(policy: LanguageModel, rollout: Rollout, how: Sampling) -> Evaluated:
    """One forward pass over right-padded rows, under the sampling's transformation."""
    ids = rollout.ids[:, :-1]  # nothing is asked of what follows the last
    columns = torch.arange(ids.shape[1], device=ids.device)
    inside = (columns < rollout.lengths[:, None]).long()
    reading, values = policy.read(ids, inside, rollout.predictors)
    logp, entropy = token_logp(reading, rollout.tokens, how)
    return Evaluated(logp, values, entropy, reading)


@torch.no_grad()
def evaluate_all(policy: LanguageModel, rollout: Rollout, how: Sampling, micro: int) -> Evaluated:
    """The same without gradient, `micro` rows at a time."""
    shape = rollout.mask.shape
    pieces = [
        (index, evaluate(policy, rollout.rows(index), how))
        for index in split(torch.arange(shape[0], device=rollout.ids.device), micro)
    ]
    first = pieces[0][1]
    if first.logp.shape == shape:
        return first
    logp, values, entropy = (
        part.new_zeros(shape) for part in (first.logp, first.values, first.entropy)
    )
    states = first.reading.states.new_zeros((*shape, first.reading.states.shape[-1]))
    for index, piece in pieces:
        width = piece.logp.shape[1]
        logp[index, :width], values[index, :width] = piece.logp, piece.values
        entropy[index, :width] = piece.entropy
        states[index, :width] = piece.reading.states
    whole = Reading(states, first.reading.weight, first.reading.compute)
    return Evaluated(logp, values, entropy, whole)


def full_kl_all(
    policy: LanguageModel, reference: LanguageModel, rollout: Rollout, how: Sampling, micro: int
) -> Tensor:
    """(B, T) exact KL of each position's distribution to the reference's, nats, without top-k and
    top-p: a token that leaves the most likely ones is no infinite distance."""
    ours, theirs = (evaluate_all(model, rollout, how, micro) for model in (policy, reference))
    return exact_kl(ours.reading, theirs.reading, how.unrestricted)


def split(index: Tensor, size: int) -> Iterator[Tensor]:
    """`index` (N,) in pieces of at most `size`."""
    return iter(torch.split(index, size))

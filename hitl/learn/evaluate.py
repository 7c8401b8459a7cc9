"""What a policy says of completions, by one forward pass over right-padded rows.

Shapes: B completions, T tokens of the longest, V vocabulary.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from hitl.learn.policy import LanguageModel
from hitl.learn.reading import Reading, token_logp
from hitl.learn.rollout import Rollout
from hitl.learn.sampling import Sampling
from hitl.learn.share import ALONE, Share


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
        return self._each(lambda part: part[index, :width], self.reading.rows(index, width))

    def detached(self) -> Evaluated:
        """The same without a way back."""
        return self._each(Tensor.detach, self.reading.detached())

    def _each(self, change: Callable[[Tensor], Tensor], reading: Reading) -> Evaluated:
        return Evaluated(change(self.logp), change(self.values), change(self.entropy), reading)


def evaluate(policy: LanguageModel, rollout: Rollout, how: Sampling) -> Evaluated:
    """One forward pass over right-padded rows, under the sampling's transformation."""
    ids = rollout.ids[:, :-1]  # nothing is asked of what follows the last
    columns = torch.arange(ids.shape[1], device=ids.device)
    inside = (columns < rollout.lengths[:, None]).long()
    reading, values = policy.read(ids, inside, rollout.predictors)
    logp, entropy = token_logp(reading, rollout.tokens, how)
    return Evaluated(logp, values, entropy, reading)


def evaluate_own(policy: LanguageModel, rollout: Rollout, how: Sampling, share: Share) -> Evaluated:
    """The same of one's own rows; see `Share`."""
    with share.agreeing():
        return evaluate_rows(policy, rollout, share.of(rollout.every_row), how)


@torch.no_grad()
def evaluate_all(
    policy: LanguageModel, rollout: Rollout, how: Sampling, micro: int, share: Share = ALONE
) -> Evaluated:
    """The same without a way back, `micro` rows at a time."""
    every = rollout.every_row
    with share.agreeing():
        passes = share.passes(every, micro) or [every[:0]]
        pieces = [evaluate_rows(policy, rollout, part, how) for part in passes]

    def joined(part: Callable[[Evaluated], Tensor]) -> Tensor:
        """(n, T, ...); a piece may be narrower, and is 0 from there on."""
        if len(pieces) == 1:
            return part(pieces[0])
        return pad_sequence([row for piece in pieces for row in part(piece)], batch_first=True)

    states = joined(lambda piece: piece.reading.states)
    return Evaluated(
        logp=joined(lambda piece: piece.logp),
        values=joined(lambda piece: piece.values),
        entropy=joined(lambda piece: piece.entropy),
        reading=dataclasses.replace(pieces[0].reading.detached(), states=states),
    )


def evaluate_rows(
    policy: LanguageModel, rollout: Rollout, index: Tensor, how: Sampling
) -> Evaluated:
    """One forward pass over the rows `index`. Of none: nothing, in the shapes that any would have;
    it goes forward all the same, with a row that is left out."""
    rows = rollout.rows(index if len(index) else rollout.every_row[:1])
    return evaluate(policy, rows, how).rows(slice(len(index)), rows.mask.shape[1])

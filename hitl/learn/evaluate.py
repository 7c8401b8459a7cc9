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


def read(policy: LanguageModel, rollout: Rollout) -> tuple[Reading, Tensor]:
    """One forward pass over right-padded rows: what tells each completion's tokens, and values
    (B, T)."""
    ids = rollout.ids[:, :-1]  # nothing is asked of what follows the last
    columns = torch.arange(ids.shape[1], device=ids.device)
    inside = (columns < rollout.lengths[:, None]).long()
    return policy.read(ids, inside, rollout.predictors)


def evaluate(policy: LanguageModel, rollout: Rollout, how: Sampling) -> Evaluated:
    """The same, and what it says of the tokens, under the sampling's transformation."""
    reading, values = read(policy, rollout)
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
    with share.agreeing():
        pieces = [
            evaluate_rows(policy, rollout, part, how) for part in _parts(rollout, micro, share)
        ]
    return Evaluated(
        logp=_joined([piece.logp for piece in pieces]),
        values=_joined([piece.values for piece in pieces]),
        entropy=_joined([piece.entropy for piece in pieces]),
        reading=_whole([piece.reading for piece in pieces]),
    )


@torch.no_grad()
def read_all(policy: LanguageModel, rollout: Rollout, micro: int, share: Share = ALONE) -> Reading:
    """What tells the tokens of one's own rows, without a way back, `micro` rows at a time: no
    logits are made yet."""
    with share.agreeing():
        return _whole([_read_rows(policy, rollout, part) for part in _parts(rollout, micro, share)])


def _parts(rollout: Rollout, micro: int, share: Share) -> list[Tensor]:
    every = rollout.every_row
    return share.passes(every, micro) or [every[:0]]


def _whole(pieces: list[Reading]) -> Reading:
    states = _joined([piece.states for piece in pieces])
    return dataclasses.replace(pieces[0].detached(), states=states)


def _joined(pieces: list[Tensor]) -> Tensor:
    """(n, T, ...); a piece may be narrower, and is 0 from there on."""
    if len(pieces) == 1:
        return pieces[0]
    return pad_sequence([row for piece in pieces for row in piece], batch_first=True)


def _read_rows(policy: LanguageModel, rollout: Rollout, index: Tensor) -> Reading:
    """See `evaluate_rows`."""
    rows = _one_at_least(rollout, index)
    return read(policy, rows)[0].rows(slice(len(index)), rows.mask.shape[1])


def evaluate_rows(
    policy: LanguageModel, rollout: Rollout, index: Tensor, how: Sampling
) -> Evaluated:
    """One forward pass over the rows `index`. Of none: nothing, in the shapes that any would have;
    it goes forward all the same, with a row that is left out."""
    rows = _one_at_least(rollout, index)
    return evaluate(policy, rows, how).rows(slice(len(index)), rows.mask.shape[1])


def _one_at_least(rollout: Rollout, index: Tensor) -> Rollout:
    """The rows `index`; of none the first."""
    return rollout.rows(index if len(index) else rollout.every_row[:1])

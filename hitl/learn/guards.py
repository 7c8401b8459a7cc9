"""What keeps texts from becoming short or alike while a reward model teaches.

A guard is silent while a batch is as the base policy's are, and grows with what is missing: it
asks nothing of a policy that keeps its ways, and outweighs any reward in one that loses them.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hitl.metrics import distinct_n, mean

SHORTER = 0.05
"""Share of length that may be lost before its guard speaks."""

GAIN = 20.0
"""Standard deviations of reward a guard costs for each whole share that is missing beyond."""

Sequences = Sequence[tuple[int, ...]]


@dataclass(frozen=True)
class Usual:
    """What batches of the base policy's completions are like."""

    length: float
    """Tokens."""
    distinct2: tuple[float, ...]
    """Of one batch, of two together, and so on: what is lost shows less in a few texts of a prompt
    than in many of many."""

    @classmethod
    def of(cls, batches: Sequence[Sequences]) -> Usual:
        """Of batches as large and as mixed as those to be guarded."""
        return cls(
            mean([float(len(ids)) for batch in batches for ids in batch]),
            tuple(
                mean([
                    distinct_n(list(itertools.chain(*batches[first : first + many])))
                    for first in range(len(batches) - many + 1)
                ])
                for many in range(1, len(batches) + 1)
            ),
        )  # fmt: skip


def penalties(batch: Sequences, usual: Usual, before: Sequence[Sequences] = ()) -> Tensor:
    """(M,) to be taken off the rewards of a batch, fp64: of completions shorter than usual, where
    the batch is; of those that share much with the others, where it is less diverse together with
    those written `before` it, of which as many count as are known of the base policy."""
    lengths = torch.tensor([float(len(ids)) for ids in batch], dtype=torch.float64)
    short = GAIN * max(0.0, 1 - SHORTER - float(lengths.mean()) / max(usual.length, 1.0))
    missing = (1 - lengths / max(usual.length, 1.0)).clamp_min(0.0)
    others = before[max(len(before) + 1 - len(usual.distinct2), 0) :]
    together = [*itertools.chain(*others), *batch]
    diverse = usual.distinct2[len(others)]
    alike = GAIN * max(0.0, 1 - distinct_n(together) / max(diverse, 1e-9))
    return short * missing + alike * shared(together)[-len(batch) :]


def shared(batch: Sequences) -> Tensor:
    """(M,) share of each completion's bigrams that another one of the batch has too, fp64."""
    bigrams = [list(itertools.pairwise(ids)) for ids in batch]
    holders = Counter(pair for pairs in bigrams for pair in set(pairs))
    found = [mean([float(holders[pair] > 1) for pair in pairs]) for pairs in bigrams]
    return torch.tensor(found, dtype=torch.float64)

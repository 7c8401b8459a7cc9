"""What an operator's rewards have been like so far: the baseline that outlives a batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Moments:
    """Mean and variance of rewards, with a bounded memory.

    `weight` is how many labels they rest on. A new operator starts from what the scale promises,
    worth a few labels, so the very first batch has something to be compared with.
    """

    mean: float
    var: float
    weight: float

    @property
    def std(self) -> float:
        """Standard deviation."""
        return math.sqrt(self.var)

    def updated(self, rewards: Sequence[float], memory: float) -> Moments:
        """With the batch taken in; what came before weighs at most `memory` labels (Chan, Golub
        and LeVeque 1979, with a capped count)."""
        n = len(rewards)
        if n == 0:
            return self
        old = min(self.weight, memory)
        mean = sum(rewards) / n
        var = sum((r - mean) ** 2 for r in rewards) / n
        total = old + n
        apart = mean - self.mean
        return Moments(
            mean=self.mean + apart * n / total,
            var=(old * self.var + n * var + apart**2 * old * n / total) / total,
            weight=total,
        )

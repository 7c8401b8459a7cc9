"""What can be told of sampled texts without a model."""

from __future__ import annotations

from collections.abc import Sequence


def distinct_n(sequences: Sequence[Sequence[int]], n: int = 2) -> float:
    """Share of n-grams that are different ones, over all sequences together (Li et al. 2016).
    0 when there are none. Compare only sets of about the same size: it falls with more text."""
    grams = [tuple(s[i : i + n]) for s in sequences for i in range(len(s) - n + 1)]
    return len(set(grams)) / len(grams) if grams else 0.0


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean; 0 of nothing."""
    return sum(values) / len(values) if values else 0.0

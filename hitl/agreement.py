"""How well scores agree with what people said: figures of a reward model. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hitl.data.ranked import pairs

ScoredTiers = Sequence[Sequence[float]]
"""The scores of the texts of one list, by tier, best tier first."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Figures over lists. Texts of one tier make no pair; a tie of the scores is not right."""

    lists: int
    pairs: int
    pairwise_accuracy: float
    """Share of pairs whose better text has the higher score."""
    list_accuracy: float
    """Share of lists with every pair right."""
    kendall_tau: float
    """Right minus wrong pairs, over all pairs of a list; the mean over lists."""
    margin: float
    """Mean over pairs of the better text's score minus the worse one's."""


def agreement(lists: Iterable[ScoredTiers]) -> Agreement:
    """The figures of lists; those without a pair are left out. Zeros of none."""
    count = total = right_pairs = right_lists = 0
    tau = margin = 0.0
    for tiers in lists:
        gaps = gaps_of(tiers)
        if not gaps:
            continue
        right = sum(gap > 0 for gap in gaps)
        wrong = sum(gap < 0 for gap in gaps)
        count += 1
        total += len(gaps)
        right_pairs += right
        right_lists += right == len(gaps)
        tau += (right - wrong) / len(gaps)
        margin += sum(gaps)
    return Agreement(
        lists=count,
        pairs=total,
        pairwise_accuracy=right_pairs / total if total else 0.0,
        list_accuracy=right_lists / count if count else 0.0,
        kendall_tau=tau / count if count else 0.0,
        margin=margin / total if total else 0.0,
    )


def gaps_of(tiers: ScoredTiers) -> list[float]:
    """The better score minus the worse, for each pair of a list."""
    numbered = tuple(tuple((t, i) for i in range(len(tier))) for t, tier in enumerate(tiers))
    return [tiers[a][i] - tiers[b][j] for (a, i), (b, j) in pairs(numbered)]

"""From what the operator said to one reward a completion: pure numbers, no state."""

from __future__ import annotations

import math

from hitl.records import Edit, Group, Judgement, LabelledGroup, Ranking, Rejected, Scores

EXCLUDED = math.nan
"""The reward of a completion nobody judged: it takes part in nothing."""

LOST = -1.0
"""The reward of the last of a ranking. A rejected completion gets the same: a pair that is "both
bad" is two losers. Only a baseline that outlives the group can tell that from a tie, and the
operator's running mean does (see `learn.advantages`)."""


def rewards_of(judgement: Judgement, group_size: int) -> tuple[float, ...]:
    """One reward for each completion, (k,): scores as they are, rankings as centred mid-ranks in
    [-1, 1], -1 for what was rejected, NaN where nothing was said. With an edit a ranking goes on
    behind it: the operator's own text has the first place."""
    match judgement.verdict:
        case Scores(values) | Edit(rest=Scores(values)):
            return tuple(EXCLUDED if value is None else float(value) for value in values)
        case Ranking(ranks):
            return centred_ranks(ranks)
        case Edit(rest=Ranking(ranks)):
            return centred_ranks((0, *ranks))[1:]
        case Rejected(count):
            return (LOST,) * count
        case _:
            return (EXCLUDED,) * group_size


def centred_ranks(ranks: tuple[int | None, ...]) -> tuple[float, ...]:
    """Mid-ranks, ties shared, scaled so that the best of n is 1, the worst -1 and the mean 0.

    A ranking of fewer than two completions says nothing: all NaN. Source: the rank transformation
    of Conover and Iman (1981), centred.
    """
    given = [rank for rank in ranks if rank is not None]
    n = len(given)
    if n < 2:
        return (EXCLUDED,) * len(ranks)

    def centred(rank: int) -> float:
        better = sum(other < rank for other in given)
        tied = sum(other == rank for other in given)
        place = better + (tied - 1) / 2
        return 1 - 2 * place / (n - 1)

    return tuple(EXCLUDED if rank is None else centred(rank) for rank in ranks)


def labelled(group: Group, judgement: Judgement) -> LabelledGroup:
    """The group with its rewards, as an update wants it."""
    rewards = rewards_of(judgement, len(group.completions))
    edit = judgement.verdict.text if isinstance(judgement.verdict, Edit) else None
    return LabelledGroup(group, rewards, judgement.operator, judgement.mode, edit)

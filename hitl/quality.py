"""How steadily and how fast an operator judges, from their judgements alone. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from hitl.records import Judgement, Ranking, Rejected, Scores, Skip, Verdict
from hitl.wording import Sentence

DRIFT_LEAST = 10
"""Scored groups from which a drift is looked for."""

SURE = 2.0
"""Standard errors from which a drift is called one."""


@dataclass(frozen=True, slots=True)
class Drift:
    """How the mean score moved over the session."""

    change: float
    """From its beginning to its end, along the least-squares line; the operator's own scale."""
    error: float
    """Standard error of `change`."""

    @property
    def sure(self) -> bool:
        """Whether chance alone would hardly do it."""
        return abs(self.change) > SURE * self.error


@dataclass(frozen=True, slots=True)
class Agreement:
    """How groups that were shown again were judged the second time."""

    groups: int
    pairs: int
    """Pairs of completions told apart both times."""
    same: int
    """Those of them with the same better one."""

    @property
    def share(self) -> float:
        """Of `pairs`; NaN without any."""
        return self.same / self.pairs if self.pairs else math.nan


@dataclass(frozen=True, slots=True)
class Quality:
    """A session in figures."""

    judgements: int
    labels: int
    per_minute: float
    """Judgements a minute of looking at groups; NaN when no time was taken."""
    seconds: tuple[float, float, float]
    """Lower quartile, median and upper quartile of the time a judgement took; NaN without any."""
    skipped: float
    """Share of judgements that skip the group; NaN without any."""
    tied: float
    """Share of all pairs judged that are ties; NaN without any."""
    drift: Drift | None
    """None where there is none to be had: few scores, or rankings, whose mean is fixed."""
    agreement: Agreement


def quality(
    judgements: Sequence[Judgement], again: Sequence[tuple[Verdict, Verdict]] = ()
) -> Quality:
    """`judgements` in the order they were made; `again` is what was said of the same group the
    first and the second time."""
    taken = [judgement.seconds for judgement in judgements]
    total = sum(taken)
    ties = [tie for j in judgements for tie in _ties(j.verdict)]
    skips = sum(isinstance(j.verdict, Skip) for j in judgements)
    return Quality(
        judgements=len(judgements),
        labels=sum(judgement.labels for judgement in judgements),
        per_minute=60 * len(taken) / total if total > 0 else math.nan,
        seconds=quartiles(taken),
        skipped=skips / len(judgements) if judgements else math.nan,
        tied=sum(ties) / len(ties) if ties else math.nan,
        drift=drift([mean for j in judgements if (mean := _mean(j.verdict)) is not None]),
        agreement=agreement(again),
    )


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Lower quartile, median, upper quartile, by linear interpolation; NaN of nothing."""
    if not values:
        return math.nan, math.nan, math.nan
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def drift(means: Sequence[float]) -> Drift | None:
    """Of mean scores in the order they were given; None of fewer than DRIFT_LEAST.

    Ordinary least squares of the mean on its place, 0 to 1: the slope is the change, and its
    standard error the usual one with n - 2 degrees of freedom.
    """
    n = len(means)
    if n < DRIFT_LEAST:
        return None
    places = [i / (n - 1) for i in range(n)]
    slope, intercept = statistics.linear_regression(places, means)
    rest = sum(
        (mean - intercept - slope * place) ** 2 for place, mean in zip(places, means, strict=True)
    )
    spread = sum((place - 0.5) ** 2 for place in places)
    return Drift(slope, math.sqrt(rest / (n - 2) / spread))


def agreement(again: Sequence[tuple[Verdict, Verdict]]) -> Agreement:
    """Over all groups; a group that cannot be compared counts as one, with no pair."""
    pairs = same = 0
    for first, second in again:
        told, alike = compare_pairs(first, second)
        pairs += told
        same += alike
    return Agreement(len(again), pairs, same)


def compare_pairs(first: Verdict, second: Verdict) -> tuple[int, int]:
    """(pairs told apart both times, those with the same better one)."""
    before, after = standing(first), standing(second)
    told = same = 0
    if len(before) == len(after):
        for i in range(len(before)):
            for j in range(i):
                one, other = _sign(before[i], before[j]), _sign(after[i], after[j])
                told += one != 0 and other != 0
                same += one != 0 and one == other
    return told, same


def standing(verdict: Verdict) -> tuple[float | None, ...]:
    """How good each completion was found, (k,), higher is better; None where nothing was said."""
    match verdict:
        case Scores(values):
            return values
        case Ranking(ranks):
            return tuple(None if rank is None else -float(rank) for rank in ranks)
        case Rejected(count):
            return (0.0,) * count
        case _:
            return ()


def _ties(verdict: Verdict) -> list[bool]:
    if isinstance(verdict, Rejected):
        return []  # an opinion of both, and none of the pair
    given = [value for value in standing(verdict) if value is not None]
    return [given[i] == given[j] for i in range(len(given)) for j in range(i)]


def _mean(verdict: Verdict) -> float | None:
    if not isinstance(verdict, Scores):
        return None
    given = [value for value in verdict.values if value is not None]
    return statistics.fmean(given) if given else None


def _sign(one: float | None, other: float | None) -> int:
    if one is None or other is None:
        return 0
    return (one > other) - (one < other)


def sentences(found: Quality) -> list[Sentence]:
    """What it means, for the operator: a line each, the figures first."""
    if not found.judgements:
        return [Sentence("nothing was judged")]
    low, middle, high = found.seconds
    count = (
        Sentence("1 judgement")
        if found.judgements == 1
        else Sentence("{count} judgements", count=found.judgements)
    )
    rate = "–" if math.isnan(found.per_minute) else f"{found.per_minute:.1f}"
    lines = [
        Sentence(
            "{judgements}, {labels} labels, {rate} judgements/min",
            judgements=count,
            labels=found.labels,
            rate=rate,
        ),
        Sentence("{middle:.1f} s", middle=middle)
        if found.judgements == 1
        else Sentence(
            "{middle:.1f} s each (the middle half {low:.1f} to {high:.1f} s)",
            middle=middle,
            low=low,
            high=high,
        ),
        _shares(found),
    ]
    if found.drift is not None:
        lines.append(_drifted(found.drift))
    lines.append(_agreed(found.agreement))
    return lines


def _shares(found: Quality) -> Sentence:
    if math.isnan(found.tied):
        return Sentence("skipped {skipped:.0%}", skipped=found.skipped)
    shares = Sentence(
        "skipped {skipped:.0%}, ties {tied:.0%} of the pairs",
        skipped=found.skipped,
        tied=found.tied,
    )
    if found.tied <= 0.4:
        return shares
    return Sentence("{shares}: a tie teaches nothing, use more of the scale", shares=shares)


def _drifted(drift: Drift) -> Sentence:
    if not drift.sure:
        return Sentence("your mean score was steady ({change:+.2f})", change=drift.change)
    if drift.change > 0:
        return Sentence(
            "your mean score went up by {change:.2f}: the texts changed, or your measure did",
            change=drift.change,
        )
    return Sentence(
        "your mean score went down by {change:.2f}: the texts changed, or your measure did",
        change=-drift.change,
    )


def _agreed(found: Agreement) -> Sentence:
    if not found.pairs:
        return Sentence("agreement with yourself: no group has come a second time yet")
    meaning = (
        Sentence("as steady as labels get")
        if found.share >= 0.85
        else Sentence("as people usually agree")
        if found.share >= 0.63
        else Sentence("near a coin's: slow down, or judge only clear cases")
    )
    if found.pairs < 10:
        meaning = Sentence("{meaning} (few so far)", meaning=meaning)
    return Sentence(
        "agreement with yourself {share:.0%} of {pairs} pairs in {groups} groups shown again: "
        "{meaning}",
        share=found.share,
        pairs=found.pairs,
        groups=found.groups,
        meaning=meaning,
    )

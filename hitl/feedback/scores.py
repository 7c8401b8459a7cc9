"""Scores, typed."""

from __future__ import annotations

from hitl.feedback.typed import NUMBER, completions, normalise, quoted, refusal
from hitl.records import Scores
from hitl.scale import Scale
from hitl.wording import Sentence

# Not "-": on a scale below zero, "0 - 1" is a slip for "0 -1", not three scores.
_LEFT_OUT = frozenset({"_", "x", "×"})


def parse_scores(text: str, count: int, scale: Scale) -> Scores:
    """`3 4 1 5`, `3,4,1,5` or both mixed; `_` or `x` alone leaves that completion out.

    Raises FeedbackError for anything but `count` numbers on the scale.
    """
    wanted = Sentence("type {what}, or skip", what=scores_wanted(count, scale))
    line = normalise(text)
    if not line:
        raise refusal("nothing was typed: {wanted}", wanted=wanted)
    fields = [field.split() for field in line.removesuffix(",").split(",")]
    if not all(fields):
        raise refusal("there is nothing between two commas: {wanted}", wanted=wanted)
    values = [_score(token, scale, wanted) for field in fields for token in field]
    if len(values) != count:
        raise refusal(
            "{scores} for {completions}: {wanted}",
            scores=_scores(len(values)),
            completions=completions(count),
            wanted=wanted,
        )
    if all(value is None for value in values):
        raise refusal("every completion is left out: {wanted}", wanted=wanted)
    return Scores(tuple(values))


def scores_wanted(count: int, scale: Scale) -> Sentence:
    """What to type: `4 numbers from 1 to 5, such as "3 4 1 5"`."""
    width = scale.high - scale.low
    whole = width >= 4 and scale.low % 1 == 0 and scale.high % 1 == 0
    scores = [scale.low + width * part for part in (0.5, 0.75, 0.0, 1.0)]
    examples = [f"{round(score) if whole else score:.10g}" for score in scores]
    example = " ".join(examples[i % 4] for i in range(count))
    one = Sentence(
        '1 number from {low:.10g} to {high:.10g}, such as "{example}"',
        low=scale.low,
        high=scale.high,
        example=example,
    )
    if count == 1:
        return one
    return Sentence(
        '{count} numbers from {low:.10g} to {high:.10g}, such as "{example}"',
        count=count,
        low=scale.low,
        high=scale.high,
        example=example,
    )


def _score(token: str, scale: Scale, wanted: Sentence) -> float | None:
    if token.lower() in _LEFT_OUT:
        return None
    if not NUMBER.fullmatch(token):
        raise refusal("{text} is no score: {wanted}", text=quoted(token), wanted=wanted)
    value = float(token) + 0.0  # -0 is 0
    try:
        return scale.check(value)
    except ValueError:
        raise refusal(
            "{text} is not on the scale {scale}: {wanted}",
            text=quoted(token),
            scale=scale,
            wanted=wanted,
        ) from None


def _scores(count: int) -> Sentence:
    return Sentence("1 score") if count == 1 else Sentence("{count} scores", count=count)

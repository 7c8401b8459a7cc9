"""A ranking, typed."""

from __future__ import annotations

import re

from hitl.feedback.typed import completions, normalise, quoted, refusal
from hitl.records import Ranking
from hitl.wording import Sentence

_TIES = frozenset({"=", "=="})


def parse_ranking(text: str, count: int) -> Ranking:
    """Places best to worst: `3 1 4 2`, `3142`, `3>1=4>2`, `3 1=4 2`; `=` ties with the one before.

    The last place may be left out when only one remains. Ranks are 1, 2, 3 … without gaps: after
    a tie comes the next number. With 10 or more completions the places need separators.
    Raises FeedbackError.
    """
    wanted = Sentence("type {what}, or skip", what=ranking_wanted(count))
    line = normalise(text)
    if not line:
        raise refusal("nothing was typed: {wanted}", wanted=wanted)
    if count == 2 and line in _TIES:
        return Ranking((1, 1))
    digits = "[0-9]" if count <= 9 else "[0-9]+"
    ranks: dict[int, int] = {}
    rank, sign = 0, ""
    for token in re.findall(rf"{digits}|[>=]|[^\s,]", line):
        if token in ">=":
            if sign or not ranks:
                raise refusal(
                    '"{sign}" must stand between two numbers: {wanted}', sign=token, wanted=wanted
                )
            sign = token
            continue
        # int() refuses thousands of digits, and nobody has millions of completions.
        place = int(token) if re.fullmatch("[0-9]{1,6}", token) else 0
        if not 1 <= place <= count:
            raise refusal(
                "{what} is none of the {completions}: {wanted}",
                what=quoted(token),
                completions=completions(count),
                wanted=wanted,
            )
        if place in ranks:
            raise refusal("{place} stands there twice: {wanted}", place=place, wanted=wanted)
        rank += sign != "="
        ranks[place], sign = rank, ""
    missing = [place for place in range(1, count + 1) if place not in ranks]
    if sign:
        raise refusal('nothing follows the last "{sign}": {wanted}', sign=sign, wanted=wanted)
    if not ranks:
        raise refusal("no completion was named: {wanted}", wanted=wanted)
    if len(missing) > 1:
        listed = ", ".join(map(str, missing))
        raise refusal("completions {listed} are not ranked: {wanted}", listed=listed, wanted=wanted)
    if missing:
        ranks[missing[0]] = rank + 1
    return Ranking(tuple(ranks[place] for place in range(1, count + 1)))


def ranking_wanted(count: int) -> Sentence:
    """What to type, with and without a tie."""
    if count == 2:
        return Sentence('the better one, 1 or 2, or "=" for a tie')
    order = _example_order(count)
    line = " ".join(map(str, order))
    if count < 3:
        return Sentence('the number of each completion, best first, such as "{line}"', line=line)
    signs = ["", ">", "=", *[">"] * (count - 3)]
    tie = "".join(f"{sign}{place}" for sign, place in zip(signs, order, strict=True))
    return Sentence(
        'the {count} completion numbers, best first, such as "{line}", or "{tie}" with a tie',
        count=count,
        line=line,
        tie=tie,
    )


def _example_order(count: int) -> list[int]:
    """An order that is not 1 2 3 …, so that nobody takes it for ranks: 3 1 4 2."""
    half = count // 2
    pairs = [(half + place, place) for place in range(1, half + 1)]
    return [place for pair in pairs for place in pair] + [count] * (count % 2)

"""A run's judgements in the formats of the field. Pure: rows and lines.

Every judgement that was not taken back counts, on whatever branch, trained on or not. A group is
told as *tiers*: what the operator found equally good stands together, best first. From them follow

- rank lists, one line a group: best to worst, tab-separated, each field prompt + completion. The
  format knows no ties, so of a tier only the first is written;
- preferences, one pair for each two completions of which one was found better, as TRL reads them;
- scores, one row a label.

A policy may write the same text twice in a group, and an operator may judge the two differently: no
text is better than itself, so that is no pair and no list.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from hitl.data.ranked import Ranked, pairs
from hitl.records import Edit, JudgedTexts, Judgement, Ranking, Scores, Verdict
from hitl.rewards import rewards_of
from hitl.scale import Scale
from hitl.spacing import continuing

Tiers = tuple[tuple[str, ...], ...]
"""Completions of one group, best tier first; those the operator said nothing of are in none."""


def tiers(judged: JudgedTexts) -> Tiers:
    """What the operator found better than what; fewer than two tiers say nothing.

    An edited text is better than every completion, those included that nothing else was said of.
    """
    match judged.judgement.verdict:
        case Scores() | Ranking() as given:
            return _tiers(judged.texts, given)
        case Edit(text, rest):
            own = continuing(judged.prompt.text, text)
            return (own,), *((judged.texts,) if rest is None else _tiers(judged.texts, rest))
        case _:
            return ()


def _tiers(texts: Sequence[str], given: Scores | Ranking) -> Tiers:
    match given:
        case Scores(values):
            keys: list[float | None] = [None if value is None else -value for value in values]
        case Ranking(ranks):
            keys = list(ranks)
    levels = sorted({key for key in keys if key is not None})
    return tuple(
        tuple(text for text, key in zip(texts, keys, strict=True) if key == level)
        for level in levels
    )


def ranked(judged: Iterable[JudgedTexts]) -> Iterator[Ranked]:
    """What `hitl reward train` and `hitl dpo` learn of a run: groups with two tiers or more, of
    different texts."""
    for one in judged:
        order = tiers(one)
        if len(order) > 1 and len({text for tier in order for text in tier}) > 1:
            ended = {text for text, ended in zip(one.texts, one.finished, strict=True) if ended}
            if isinstance(one.judgement.verdict, Edit):
                ended |= set(order[0])
            yield Ranked(one.prompt.text, order, frozenset(ended))


def rank_lists(judged: Iterable[JudgedTexts]) -> Iterator[str]:
    """Lines without their end; groups without two tiers of different texts give none."""
    for one in judged:
        fields: dict[str, str] = {}
        for tier in tiers(one):
            here = (_one_line(one.prompt.text + text) for text in tier)
            # Whoever reads a list takes the spaces around a field for none of it.
            new = next((text for text in here if text.strip() and text.strip() not in fields), None)
            if new is not None:
                fields[new.strip()] = new
        if len(fields) > 1:
            yield "\t".join(fields.values())


def preferences(judged: Iterable[JudgedTexts]) -> Iterator[dict[str, Any]]:
    """`prompt`, `chosen`, `rejected`: every pair of one group with a better and a worse text, of
    which neither is empty: no reader of preferences takes such a one."""
    for one in judged:
        for chosen, rejected in pairs(tiers(one)):
            if chosen.strip() and rejected.strip():
                yield {"prompt": one.prompt.text, "chosen": chosen, "rejected": rejected}


def scale_of(judgements: Iterable[Judgement], scale: Scale) -> Scale:
    """What the scores of a run lie on: its `scale`, or, where one is beyond that, from the lowest
    to the highest there is. Rewards of a model (`hitl auto`) keep to no scale."""
    scores = [
        value
        for judgement in judgements
        for value in _scores(judgement.verdict)
        if value is not None
    ]
    low, high = min(scores, default=scale.low), max(scores, default=scale.high)
    return scale if scale.low <= low and high <= scale.high else Scale(low, high)


def _scores(verdict: Verdict) -> Sequence[float | None]:
    match verdict:
        case Scores(values) | Edit(rest=Scores(values)):
            return values
        case _:
            return ()


def score_rows(judged: Iterable[JudgedTexts], scale: Scale) -> Iterator[dict[str, Any]]:
    """One row a text with a usable judgement; `scale` is what all scores lie on (`scale_of`).

    `text` and `label` (0 worst, 1 best of the scale or of the ranking) are what `hitl reward train`
    reads; `score` or `rank` is what the operator gave; `edited` marks their own text, whose label
    is 1.
    """
    for one in judged:
        prompt, verdict = one.prompt, one.judgement.verdict
        given = verdict.rest if isinstance(verdict, Edit) else verdict
        values: Sequence[float | int | None] = ()
        match given:
            case Scores(values):
                kind = "score"
            case Ranking(values):
                kind = "rank"
            case _:
                kind = ""
        rewards = rewards_of(one.judgement, len(one.texts))
        told = [
            (text, _label(reward, kind, scale), {kind: values[i]} if kind else {}, False)
            for i, (text, reward) in enumerate(zip(one.texts, rewards, strict=True))
            if not math.isnan(reward)
        ]
        if isinstance(verdict, Edit):
            told.append((continuing(prompt.text, verdict.text), 1.0, {}, True))
        for text, label, gave, edited in told:
            yield {
                "group": prompt.number,
                "prompt": prompt.text,
                "completion": text,
                "text": prompt.text + text,
                "label": label,
                "score": gave.get("score"),
                "rank": gave.get("rank"),
                "edited": edited,
                "mode": str(one.judgement.mode),
                "operator": one.judgement.operator,
                "seconds": one.judgement.seconds,
                "note": one.judgement.note,
                "flag": one.judgement.flag,
                "policy_version": one.policy_version,
            }


def _label(reward: float, kind: str, scale: Scale) -> float:
    """Where a reward lies between the worst and the best that can be said."""
    low, high = (scale.low, scale.high) if kind == "score" else (-1.0, 1.0)
    if low == high:  # every reward of the run is this one
        return 0.5
    return (reward - low) / (high - low)


def _one_line(text: str) -> str:
    """No tab and no line end of any kind: they would make other fields and other lines."""
    return " ".join(text.replace("\t", " ").splitlines())


def as_lines(lines: Iterable[str]) -> bytes:
    """The content of a text file, UTF-8."""
    # A model may have written half a character; a reader of UTF-8 must not stumble over it.
    return "".join(f"{line}\n" for line in lines).encode("utf-8", errors="replace")

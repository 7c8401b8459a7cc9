"""A run's judgements in the formats of the field. Pure: rows and lines, no files.

Every judgement that was not taken back counts, on whatever branch, trained on or not. A group is
told as *tiers*: what the operator found equally good stands together, best first. From them follow

- rank lists, one line a group: best to worst, tab-separated, each field prompt + completion. The
  format knows no ties, so of a tier only the first is written;
- preferences, one pair for each two completions of which one was found better, as TRL reads them;
- scores, one row a label.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from hitl.data.ranked import Ranked
from hitl.records import Edit, JudgedGroup, Ranking, Scores
from hitl.rewards import centred_ranks
from hitl.scale import Scale

Tiers = tuple[tuple[str, ...], ...]
"""Completions of one group, best tier first; those the operator said nothing of are in none."""


def tiers(judged: JudgedGroup) -> Tiers:
    """What the operator found better than what; fewer than two tiers say nothing.

    An edited text is better than every completion it was written in place of.
    """
    texts = [completion.text for completion in judged.group.completions]
    match judged.judgement.verdict:
        case Scores(values):
            keys = [None if value is None else -value for value in values]
        case Ranking(ranks):
            keys = list(ranks)
        case Edit(text):
            return (_after(judged.group.prompt.text, text),), tuple(texts)
        case _:
            return ()
    given = sorted({key for key in keys if key is not None})
    return tuple(
        tuple(text for text, key in zip(texts, keys, strict=True) if key == tier) for tier in given
    )


def ranked(judged: Iterable[JudgedGroup]) -> Iterator[Ranked]:
    """What `hitl reward train` and `hitl dpo` learn of a run: groups with two tiers or more."""
    for one in judged:
        order = tiers(one)
        if len(order) > 1:
            ended = {c.text for c in one.group.completions if c.finished}
            if isinstance(one.judgement.verdict, Edit):
                ended |= set(order[0])
            yield Ranked(one.group.prompt.text, order, frozenset(ended))


def rank_lists(judged: Iterable[JudgedGroup]) -> Iterator[str]:
    """Lines without their end; groups without two tiers give none."""
    for one in judged:
        order = tiers(one)
        if len(order) > 1:
            prompt = one.group.prompt.text
            yield "\t".join(_one_line(prompt + tier[0]) for tier in order)


def preferences(judged: Iterable[JudgedGroup]) -> Iterator[dict[str, Any]]:
    """`prompt`, `chosen`, `rejected`: every pair of one group with a better and a worse text."""
    for one in judged:
        order = tiers(one)
        for place, better in enumerate(order):
            for worse in order[place + 1 :]:
                for chosen in better:
                    for rejected in worse:
                        yield {
                            "prompt": one.group.prompt.text,
                            "chosen": chosen,
                            "rejected": rejected,
                        }


def score_rows(judged: Iterable[JudgedGroup], scale: Scale) -> Iterator[dict[str, Any]]:
    """One row a completion with a usable judgement. `text` and `label` (0 worst, 1 best of the
    scale or of the ranking) are what `hitl reward train` reads; `score` or `rank` is what the
    operator gave."""
    for one in judged:
        match one.judgement.verdict:
            case Scores(values):
                labels = [
                    None if v is None else (v - scale.low) / (scale.high - scale.low)
                    for v in values
                ]
                given: Sequence[tuple[str, Any]] = [("score", v) for v in values]
            case Ranking(ranks):
                labels = [(reward + 1) / 2 for reward in centred_ranks(ranks)]
                given = [("rank", rank) for rank in ranks]
            case _:
                continue
        completions = one.group.completions
        for completion, label, (kind, value) in zip(completions, labels, given, strict=True):
            # NaN: a ranking of one completion says nothing.
            if value is None or label is None or label != label:
                continue
            yield {
                "group": one.group.prompt.number,
                "prompt": one.group.prompt.text,
                "completion": completion.text,
                "text": one.group.prompt.text + completion.text,
                "label": label,
                "score": value if kind == "score" else None,
                "rank": value if kind == "rank" else None,
                "mode": str(one.judgement.mode),
                "operator": one.judgement.operator,
                "seconds": one.judgement.seconds,
                "note": one.judgement.note,
                "flag": one.judgement.flag,
                "policy_version": one.group.policy_version,
            }


def _after(prompt: str, text: str) -> str:
    """An operator's text as a completion of the prompt: with the space that a sampled one has
    between two words of a script that has spaces."""
    last, first = prompt[-1:], text[:1]
    words = last.isascii() and first.isascii() and not (last + first).isspace()
    joined = not last or last.isspace() or first.isspace()
    return f" {text}" if words and not joined else text


def _one_line(text: str) -> str:
    """No tab and no line end of any kind: they would make other fields and other lines."""
    return " ".join(text.replace("\t", " ").splitlines())

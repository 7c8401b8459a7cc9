"""What the updates of a run warn of, in plain words, and what to do about it. Pure.

Thresholds that are not the run's own are set where DESIGN 6.2 saw runs go wrong: a run that
collapsed wrote a third of its length and half of its different bigrams.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from hitl.metrics import distinct_n
from hitl.records import UpdateStats
from hitl.wording import Sentence

FLAT = 8
"""Updates without a gain after which the reward counts as flat."""


@dataclass(frozen=True, slots=True)
class Written:
    """What the policy wrote for one stretch of the run."""

    completions: int
    length: float
    """Mean tokens, end token included."""
    distinct2: float
    """Share of token bigrams that are different ones."""


LEAST = 16
"""Completions that are too few to tell what the policy writes."""


def written(completions: Sequence[Sequence[int]], others: int) -> Written | None:
    """Of token ids (T,) each. Only as many as the `others` they are compared with count, because
    more text has fewer new bigrams; None of fewer than LEAST."""
    shown = completions[: min(len(completions), others)]
    if len(shown) < LEAST:
        return None
    length = statistics.fmean(len(ids) for ids in shown)
    return Written(len(shown), length, distinct_n(shown))


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that goes wrong."""

    name: Sentence
    what: Sentence
    """With its figures."""
    do: Sentence
    """Keys that it names are values: `data`, `you` and `blind` are those of the screens."""


def alarms(
    updates: Sequence[UpdateStats],
    target_kl: float,
    lr: float,
    first: Written | None = None,
    last: Written | None = None,
) -> list[Alarm]:
    """Of the state after the last of `updates`, the gravest first. `first` and `last` are what
    was written at the beginning and of late; None where there is too little to tell."""
    if not updates:
        return []
    found = [
        _far(updates[-1], target_kl, lr),
        _thrown(updates),
        _short(first, last),
        _repeating(first, last),
        _level(updates),
        _entropy(updates),
        _value(updates),
        _flat(updates),
    ]
    return [alarm for alarm in found if alarm is not None]


def _far(last: UpdateStats, target: float, lr: float) -> Alarm | None:
    if not last.sequence_kl > 1.5 * target:
        return None
    return Alarm(
        Sentence("KL over target"),
        Sentence(
            "KL {kl:.1f} nats a completion, target {target:g}: the policy is leaving the language "
            "of its base",
            kl=last.sequence_kl,
            target=target,
        ),
        Sentence("a lower lr ({lr:.1e}) in a new run, or go back to an earlier update", lr=lr / 2),
    )


def _thrown(updates: Sequence[UpdateStats]) -> Alarm | None:
    recent = updates[-3:]
    clipped = statistics.fmean(u.clip_fraction for u in recent)
    empty = sum(u.epochs == 0 for u in recent)
    # The first steps of the human preset clip 40 to 50 % and learn well: its KL stop bounds them.
    if not (empty or (clipped > 0.6 and len(recent) == 3)):
        return None
    what = (
        Sentence(
            "{empty} of the last {recent} updates learned nothing: one pass would have gone too "
            "far",
            empty=empty,
            recent=len(recent),
        )
        if empty
        else Sentence(
            "{clipped:.0%} of the token ratios were clipped in the last {recent} updates",
            clipped=clipped,
            recent=len(recent),
        )
    )
    do = Sentence("a lower lr, such as {lr:.1e}", lr=updates[-1].lr / 2)
    return Alarm(Sentence("steps too long"), what, do)


def _short(first: Written | None, last: Written | None) -> Alarm | None:
    if first is None or last is None or not last.length < 0.6 * first.length:
        return None
    return Alarm(
        Sentence("length collapse"),
        Sentence(
            "completions have {now:.0f} tokens, {before:.0f} at the beginning: short ones are "
            "being rewarded",
            now=last.length,
            before=first.length,
        ),
        Sentence(
            "give short empty ones the lowest mark for a while, or go back to an earlier update"
        ),
    )


def _repeating(first: Written | None, last: Written | None) -> Alarm | None:
    if first is None or last is None or not last.distinct2 < 0.65 * first.distinct2:
        return None
    return Alarm(
        Sentence("diversity collapse"),
        Sentence(
            "{now:.0%} of the word pairs are different ones, {before:.0%} at the beginning: the "
            "policy repeats what paid off",
            now=last.distinct2,
            before=first.distinct2,
        ),
        Sentence("mark what you have read before low, and use more prompts (--prompts)"),
    )


def _level(updates: Sequence[UpdateStats]) -> Alarm | None:
    recent = updates[-3:]
    level = sum(u.labels > 0 and not u.reward_std > 1e-9 for u in recent)
    if level < min(2, len(recent)):
        return None
    return Alarm(
        Sentence("no variance"),
        Sentence(
            "all marks were equal in {level} of the last {recent} batches: equal marks teach "
            "almost nothing",
            level=level,
            recent=len(recent),
        ),
        Sentence("use the whole scale: say which is better, even by a little, or rank instead"),
    )


def _entropy(updates: Sequence[UpdateStats]) -> Alarm | None:
    if len(updates) < 6:
        return None
    before = statistics.fmean(u.entropy for u in updates[:3])
    now = statistics.fmean(u.entropy for u in updates[-3:])
    if not (before > 0 and now < 0.6 * before):
        return None
    return Alarm(
        Sentence("entropy falling"),
        Sentence(
            "entropy {now:.2f} nats a token, {before:.2f} at the beginning: the policy grows sure "
            "of few ways to go on",
            now=now,
            before=before,
        ),
        Sentence("a lower lr; go back if the completions of a group are nearly the same"),
    )


def _value(updates: Sequence[UpdateStats]) -> Alarm | None:
    if len(updates) < 6:
        return None
    before = statistics.median(u.value_loss for u in updates[:-3])
    now = statistics.fmean(u.value_loss for u in updates[-3:])
    if not (before > 0 and now > 4 * before):
        return None
    return Alarm(
        Sentence("value loss rising"),
        Sentence(
            "value loss {now:.2f}, {before:.2f} before: your marks are not what was expected",
            now=now,
            before=before,
        ),
        Sentence(
            "did your measure change? see your own figures with {data}, {you}", data="F4", you="i"
        ),
    )


def _flat(updates: Sequence[UpdateStats]) -> Alarm | None:
    if len(updates) < 2 * FLAT:
        return None
    recent, before = updates[-FLAT:], updates[-2 * FLAT : -FLAT]
    gain = statistics.fmean(u.reward for u in recent) - statistics.fmean(u.reward for u in before)
    spread = statistics.fmean(u.reward_std for u in recent)
    # Rankings are centred: their mean reward says nothing.
    if not spread > 0 or abs(statistics.fmean(u.reward for u in recent)) < 1e-6:
        return None
    if gain > 0.1 * spread:
        return None
    return Alarm(
        Sentence("reward flat"),
        Sentence(
            "the mean reward has not risen for {updates} updates ({gain:+.2f})",
            updates=FLAT,
            gain=gain,
        ),
        Sentence(
            "a blind test ({blind}) tells whether it got better all the same; if not, other "
            "prompts, or stop here",
            blind="F6",
        ),
    )

"""Second opinions: groups that two operators judge, to see how far they agree.

The second one gets a twin: the same texts as another group of the run, judged and learned from as
any group is. That the two belong together is an event of the journal, written with the twin.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from hitl.journal import Entry, Journal
from hitl.records import Group, Judgement, Prompt
from hitl.rewards import rewards_of

Key = tuple[int, int]

KIND = "second opinion"
"""Of the journal's events."""

TOO_OLD = "too old for a second opinion"
"""Why a twin is put away: sampled again it would be another text."""


def twin_of(group: Group, number: int, seed: int, share: float) -> Group | None:
    """The same texts as group `number`, for `share` of all groups; keyed, so that which ones does
    not hang on who asks when."""
    keyed = hashlib.blake2b(f"{seed} second {group.key}".encode(), digest_size=8).digest()
    if int.from_bytes(keyed) >= share * 2**64:
        return None
    return replace(group, prompt=Prompt(group.prompt.text, number))


def pairs_of(entries: Iterable[Entry]) -> list[tuple[Key, Key]]:
    """The groups that belong together, as the journal's events tell."""
    found = [entry.data for entry in entries if entry.kind == KIND]
    return [(_key(data["of"]), _key(data["group"])) for data in found]


class Twins:
    """Which group has the same texts as which."""

    def __init__(self, pairs: Iterable[tuple[Key, Key]] = ()) -> None:
        self._other: dict[Key, Key] = {}
        for one, other in pairs:
            self._other |= {one: other, other: one}

    def __contains__(self, key: Key) -> bool:
        return key in self._other

    def __len__(self) -> int:
        return len(self._other)

    def other(self, key: Key) -> Key | None:
        """The twin of a group."""
        return self._other.get(key)

    def write(self, journal: Journal, group: Group, twin: Group) -> None:
        """Into the journal, and then here. Raises JournalError."""
        data = {"of": list(group.key), "group": list(twin.key)}
        journal.add_group_with(twin, KIND, data)
        self._other |= {group.key: twin.key, twin.key: group.key}


def doubly_judged(
    pairs: Iterable[tuple[Key, Key]], judgements: Iterable[Judgement]
) -> list[tuple[Judgement, Judgement]]:
    """What was said of the same texts by two operators."""
    said = {judgement.group: judgement for judgement in judgements}
    both = [(said.get(one), said.get(other)) for one, other in pairs]
    return [(a, b) for a, b in both if a and b and a.operator != b.operator]


def alpha(opinions: Sequence[tuple[Judgement, Judgement]]) -> float:
    """Krippendorff's alpha of what was said of each completion, its reward, on an interval scale:
    1 is full agreement, 0 what chance would bring; NaN where nothing differs, or nothing was said.

    Each completion is a unit, each operator a coder; what one left out is missing.
    """
    coders = sorted({judgement.operator for pair in opinions for judgement in pair})
    rows: Mapping[str, list[float]] = {name: [] for name in coders}
    for pair in opinions:
        said = {judgement.operator: _rewards(judgement) for judgement in pair}
        size = max(map(len, said.values()))
        for name in coders:
            given = said.get(name, ())
            rows[name] += [*given, *[math.nan] * (size - len(given))]
    both = [unit for unit in zip(*rows.values(), strict=True) if _told(unit) > 1]
    values = [value for unit in both for value in unit if not math.isnan(value)]
    if all(one == other for one, other in itertools.pairwise(values)):
        return math.nan
    import krippendorff

    return float(
        krippendorff.alpha(
            reliability_data=[list(row) for row in zip(*both, strict=True)],
            level_of_measurement="interval",
        )
    )


def _rewards(judgement: Judgement) -> tuple[float, ...]:
    # Of a skip only the places count, which the screen's order has.
    return rewards_of(judgement, len(judgement.shown))


def _told(unit: Sequence[float]) -> int:
    return sum(not math.isnan(value) for value in unit)


def _key(pair: Sequence[int]) -> Key:
    number, attempt = pair
    return number, attempt

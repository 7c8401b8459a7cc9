"""Simulated operators: a scorer in a person's place, through the very same session."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hitl.metrics import distinct_n, mean
from hitl.operator import Desk, Event, Quit, Reply, Updated
from hitl.records import (
    Group,
    Judgement,
    Mode,
    Ranking,
    Scores,
    Skip,
    UpdateStats,
    Verdict,
)
from hitl.scale import Scale
from hitl.unsteady import Unsteadiness, perceived

NAME = "simulated"
"""As whom a simulated operator judges."""

ScoreTexts = Callable[[Sequence[str]], list[float]]
"""Utility of each text, 0 (worst) to 1 (best)."""


class SimulatedOperator:
    """Judges by a scorer's utility and a person's unsteadiness, and leaves after enough labels.

    What it says of a group is keyed by the group, not by what came before, so a run that was
    killed and taken up again hears the same judgements.
    """

    def __init__(
        self,
        scorer: ScoreTexts,
        scale: Scale,
        how: Unsteadiness,
        seed: int,
        labels_to_give: int,
    ) -> None:
        """`how` unsteady they are; `labels_to_give` is counted from now on."""
        self.name = NAME
        self.leaving = False
        self.updates: list[UpdateStats] = []
        self._scorer = scorer
        self._scale = scale
        self._how = how
        self._seed = seed
        self.labels_left = labels_to_give

    def judge(self, desk: Desk) -> Reply:
        """See Operator."""
        if self.labels_left <= 0 or self.leaving:
            return Quit()
        judgement = self._judgement(desk)
        self.labels_left -= judgement.labels
        return judgement

    def leave(self) -> None:
        """A signal came."""
        self.leaving = True

    def notify(self, event: Event) -> None:
        """See Operator."""
        if isinstance(event, Updated):
            self.updates.append(event.stats)

    def _judgement(self, desk: Desk) -> Judgement:
        chance = random.Random(f"{self._seed}/{desk.group.key}")
        utilities = self._scorer(full_texts(desk.group))
        felt = perceived(utilities, self._how, desk.group.prompt.number, chance)
        if felt is None:
            verdict, keys = _skipped()
        elif desk.mode is Mode.SCORE:
            verdict, keys = scored(felt, self._scale)
        else:
            verdict, keys = ranked(felt)
        return Judgement(
            group=desk.group.key,
            verdict=verdict,
            operator=self.name,
            mode=desk.mode,
            keys=keys,
            shown=desk.shown,
        )


def _skipped() -> tuple[Verdict, str]:
    return Skip(), " "


def scored(felt: Sequence[float], scale: Scale) -> tuple[Verdict, str]:
    """Utilities 0 to 1 as scores of a scale, and the keys that type them."""
    values = [round(scale.low + min(max(u, 0.0), 1.0) * (scale.high - scale.low)) for u in felt]
    return Scores(tuple(float(v) for v in values)), "".join(f"{v}" for v in values)


def ranked(felt: Sequence[float]) -> tuple[Verdict, str]:
    """Utilities as a ranking, equal ones tied, and the keys that type it: the last places
    itself, unless it is tied."""
    order = sorted(range(len(felt)), key=lambda i: -felt[i])
    ranks, keys = {order[0]: 1}, [str(order[0] + 1)]
    for place, (better, index) in enumerate(itertools.pairwise(order), 2):
        tied = felt[index] == felt[better]
        ranks[index] = ranks[better] if tied else place
        keys.append(f"={index + 1}" if tied else str(index + 1))
    if keys[-1].isdigit():
        keys.pop()
    return Ranking(tuple(ranks[i] for i in range(len(felt)))), "".join(keys)


def full_texts(group: Group) -> list[str]:
    """Prompt and completion of each, as a reader sees them."""
    return [group.prompt.text + completion.text for completion in group.completions]


@dataclass(frozen=True, slots=True)
class Portrait:
    """What a policy writes on fixed prompts and seeds."""

    gold: float
    """Mean utility under the gold scorer, 0 to 1."""
    distinct2: float
    """Share of token bigrams that are different ones."""
    length: float
    """Mean tokens a completion, end token included."""
    sequence_kl: float
    """Mean KL to the reference, nats a sequence."""
    duplicates: float
    """Share of completions that say word for word what an earlier one says."""


def portrait(groups: Sequence[Group], gold: ScoreTexts, sequence_kl: float) -> Portrait:
    """Figures of a sample of groups."""
    ids = [c.token_ids for g in groups for c in g.completions]
    return Portrait(
        gold=mean(gold([text for g in groups for text in full_texts(g)])),
        distinct2=distinct_n(ids),
        length=mean([float(len(i)) for i in ids]),
        sequence_kl=sequence_kl,
        duplicates=1 - len(set(map(tuple, ids))) / len(ids) if ids else 0.0,
    )

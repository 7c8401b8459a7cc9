"""Simulated operators: a scorer in a person's place, through the very same session."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hitl.metrics import distinct_n, mean
from hitl.operator import Desk, Event, Quit, Reply, Updated
from hitl.records import Group, Judgement, Mode, Ranking, Scores, UpdateStats
from hitl.scale import Scale

ScoreTexts = Callable[[Sequence[str]], list[float]]
"""Utility of each text, 0 (worst) to 1 (best)."""


class SimulatedOperator:
    """Judges by a scorer's utility and a person's unsteadiness, and leaves after enough labels.

    What it says of a group is keyed by the group, not by what came before, so a run that was
    killed and taken up again hears the same judgements.
    """

    def __init__(
        self, scorer: ScoreTexts, scale: Scale, noise: float, seed: int, labels_to_give: int
    ) -> None:
        """`noise` is the standard deviation added to the utility of each completion, on its 0-1
        range; `labels_to_give` is counted from now on."""
        self.name = "simulated"
        self.leaving = False
        self.updates: list[UpdateStats] = []
        self._scorer = scorer
        self._scale = scale
        self._noise = noise
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
        utilities = [
            utility + chance.gauss(0.0, self._noise)
            for utility in self._scorer(full_texts(desk.group))
        ]
        if desk.mode is Mode.SCORE:
            low, high = self._scale.low, self._scale.high
            values = [round(low + min(max(u, 0.0), 1.0) * (high - low)) for u in utilities]
            verdict: Scores | Ranking = Scores(tuple(float(v) for v in values))
            keys = "".join(f"{v}" for v in values)
        else:
            order = sorted(range(len(utilities)), key=lambda i: -utilities[i])
            ranks = {index: place for place, index in enumerate(order, 1)}
            verdict = Ranking(tuple(ranks[i] for i in range(len(utilities))))
            keys = "".join(str(index + 1) for index in order[:-1])  # the last places itself
        return Judgement(
            group=desk.group.key,
            verdict=verdict,
            operator=self.name,
            mode=desk.mode,
            keys=keys,
            shown=desk.shown,
        )


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


def portrait(groups: Sequence[Group], gold: ScoreTexts, sequence_kl: float) -> Portrait:
    """Figures of a sample of groups."""
    ids = [c.token_ids for g in groups for c in g.completions]
    return Portrait(
        gold=mean(gold([text for g in groups for text in full_texts(g)])),
        distinct2=distinct_n(ids),
        length=mean([float(len(i)) for i in ids]),
        sequence_kl=sequence_kl,
    )

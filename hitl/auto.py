"""A scorer in the operator's place, for training without anybody: every score is kept as it is."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from hitl.errors import HitlError
from hitl.operator import Desk, Event, Notice, Quit, Reply, Updated
from hitl.records import Judgement, Mode, Scores, UpdateStats
from hitl.simulate import ScoreTexts, full_texts

Scored = tuple[str, float]
"""A text, prompt and completion, and its score."""


class ScoringOperator:
    """Scores every group at once, until the run has had enough updates."""

    def __init__(
        self,
        name: str,
        scorer: ScoreTexts,
        *,
        updates: int,
        baseline: float,
        on_update: Callable[[UpdateStats, Sequence[Scored]], None],
        on_notice: Callable[[Notice], None],
    ) -> None:
        """`updates` are still to come; `baseline` is subtracted from every score. `on_update` gets
        the figures and what was scored since the update before."""
        self.name = name
        self.leaving = False
        self.updates_left = updates
        self._scorer = scorer
        self._baseline = baseline
        self._on_update = on_update
        self._on_notice = on_notice
        self._scored: list[Scored] = []
        self._judged: tuple[int, int] | None = None
        self._trouble: str | None = None

    def judge(self, desk: Desk) -> Reply:
        """See Operator. Raises HitlError for a score that is no number, and where a judgement could
        not be kept: it would be said again and again."""
        if self.leaving or self.updates_left <= 0:
            return Quit()
        if self._trouble is not None and desk.group.key == self._judged:
            raise HitlError(f"the scores of a group could not be kept: {self._trouble}")
        self._judged, self._trouble = desk.group.key, None
        texts = full_texts(desk.group)
        scores = self._scorer(texts)
        for text, score in zip(texts, scores, strict=True):
            if not math.isfinite(score):
                said = f"{self.name} gives {score} to the text {text!r}"
                raise HitlError(f"{said}: mend the scorer, or take another")
        self._scored += zip(texts, scores, strict=True)
        return Judgement(
            group=desk.group.key,
            verdict=Scores(tuple(score - self._baseline for score in scores)),
            operator=self.name,
            mode=Mode.SCORE,
            shown=desk.shown,
        )

    def leave(self) -> None:
        """A signal came."""
        self.leaving = True

    def notify(self, event: Event) -> None:
        """See Operator."""
        match event:
            case Updated(stats):
                self.updates_left -= 1
                scored, self._scored = self._scored, []
                self._on_update(stats, scored)
            case Notice():
                if event.level == "error":
                    self._trouble = event.text
                self._on_notice(event)
            case _:
                pass


def with_baseline(stats: UpdateStats, baseline: float) -> UpdateStats:
    """What the scorer itself gave: `baseline` was subtracted from the rewards."""
    return replace(stats, reward=stats.reward + baseline)


def drawn(scored: Sequence[Scored], count: int, seed: int, number: int) -> list[Scored]:
    """`count` of an update's texts, or all: the same for the same run and update."""
    return random.Random(f"{seed} samples {number}").sample(list(scored), min(count, len(scored)))

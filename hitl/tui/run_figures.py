"""Runs in figures, for the picker and the runs screen. Pure but for reading the journals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from textual.content import Content

from hitl.errors import HitlError
from hitl.journal import Journal
from hitl.records import UpdateStats
from hitl.rundir import RunDir
from hitl.runs import RunSummary
from hitl.tui.content import foreign, left, own, right
from hitl.tui.listed import MODES
from hitl.tui.widgets.status import age
from hitl.wording import Sentence, Translator

NONE = "–"


def updates_of(folder: Path) -> tuple[UpdateStats, ...]:
    """The updates that led to a run's policy; none of a run that cannot be read."""
    try:
        with Journal.open(RunDir(folder).journal_path, readonly=True) as journal:
            return tuple(journal.updates())
    except HitlError:
        return ()


def figure(value: float | None) -> str:
    """Two decimals; a dash for what is not known."""
    return NONE if value is None or value != value else f"{value:.2f}"


def update_rows(updates: Sequence[UpdateStats], tr: Translator) -> list[Content]:
    """One line an update, the last first, with a head above (the first line)."""
    names = (tr("update"), tr("labels"), tr("reward"), "KL", tr("entropy"), tr("clipped"))
    head = "".join(map(right, names, (7, 8, 9, 8, 9, 9)))
    rows = [own((head, "$frame-text"))]
    for stats in reversed(updates):
        rows.append(
            own(
                f"{stats.number:>7}{stats.labels:>8}{figure(stats.reward):>9}"
                f"{figure(stats.sequence_kl):>8}{figure(stats.entropy):>9}"
                f"{stats.clip_fraction:>8.0%} "
            )
        )
    return rows


CAUTION = Sentence(
    "reward is each operator's own measure: runs judged by other people or on another "
    "scale do not compare by it; hitl compare RUN asks one scorer of each"
)

Side = tuple[RunSummary, Sequence[UpdateStats]]


def compared(one: Side, other: Side, width: int, tr: Translator) -> list[Content]:
    """Two runs side by side, one line a figure."""
    column = max((width - 16) // 2, 10)

    def line(name: str, *values: str | Content) -> Content:
        cells = [
            (value if isinstance(value, Content) else own(value)).truncate(
                column, ellipsis=True, pad=True
            )
            for value in values
        ]
        return own((left(name, 16), "$frame-text"), *cells)

    sides = (one, other)
    last = [updates[-1] if updates else None for _, updates in sides]
    best = [max((u.reward for u in updates if u.reward == u.reward), default=None)
            for _, updates in sides]  # fmt: skip
    taught = [sum(u.labels for u in updates) for _, updates in sides]
    runs = [run for run, _ in sides]
    return [
        line("", *(foreign(run.run, "bold $accent") for run in runs)),
        line(tr("policy"), *(foreign(run.policy) for run in runs)),
        line(tr("judged by"), *(tr.said(MODES.get(run.mode, run.mode)) for run in runs)),
        line(tr("updates"), *(str(run.updates) for run in runs)),
        line(tr("labels"), *(str(run.labels) for run in runs)),
        line(tr("labels learned"), *(str(labels) for labels in taught)),
        line(tr("reward, last"), *(figure(None if u is None else u.reward) for u in last)),
        line(tr("reward, best"), *(figure(value) for value in best)),
        line(tr("KL, last"), *(figure(None if u is None else u.sequence_kl) for u in last)),
        line(tr("entropy, last"), *(figure(None if u is None else u.entropy) for u in last)),
        line(tr("written"), *(tr("{age} ago", age=age(run.age_s)) for run in runs)),
        line(tr("state"), *(_state(run, tr) for run in runs)),
        own(""),
        own((tr(CAUTION), "$frame-text")),
    ]  # fmt: skip


def _state(run: RunSummary, tr: Translator) -> Content:
    if run.intact:
        return own((tr("intact"), "$success"))
    return own(("! " + tr("damaged"), "$warning"))

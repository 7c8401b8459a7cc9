"""Judgements as the data screen shows them: a row, a preview, a filter in words. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal, TypeVar

from textual.content import Content

from hitl.journal import STATES, Filter, Listed, State
from hitl.records import Edit, JudgedGroup, Mode, Ranking, Rejected, Scores, Skip
from hitl.tui.content import foreign, own
from hitl.tui.hanging import hanging
from hitl.tui.words import describe

COLUMNS = (("group", 6), ("given", 16), ("prompt", 0), ("s", 5), ("by", 8), ("state", 10))
"""(name, cells); the prompt has the room that is left."""

WORDS: dict[State, str] = {
    "waiting": "waiting",
    "trained": "trained",
    "aside": "set aside",
    "left": "left",
}

MEANS: dict[State, str] = {
    "waiting": "no update has learned from it yet: Enter judges it anew, x takes it back",
    "trained": "already trained: it is in the weights and stays",
    "aside": "set aside: the update it made was not a number, and none shall learn from it",
    "left": "left behind when the run went back: no update will learn from it",
}


def row_of(one: Listed) -> tuple[Content, ...]:
    """The cells of COLUMNS."""
    marks = ("⚑" if one.flag else "") + ("✎" if one.note else "")
    given = describe(one.verdict, one.shown) + (f" {marks}" if marks else "")
    state = WORDS[one.state] + (f" {one.update}" if one.update is not None else "")
    style = {"waiting": "$accent", "trained": "$frame-text"}.get(one.state, "$warning")
    return (
        own(f"{one.number:>6}"),
        own(given).truncate(16, ellipsis=True),
        foreign(one.prompt).truncate(200, ellipsis=True),
        own((f"{min(one.seconds, 999):5.1f}", "$frame-text")),
        foreign(one.operator, "$frame-text").truncate(8, ellipsis=True),
        # Never by colour alone: a trained one names its update.
        own((state.replace("trained ", "update ")[:10], style)),
    )


def preview(judged: JudgedGroup, state: State, width: int) -> list[Content]:
    """The group with what was given, in the order it was shown; the best is marked."""
    said, group = judged.judgement, judged.group
    marks = _marks(judged)
    lines = [
        own((f"Prompt {group.prompt.number}  ", "$frame-text"), foreign(group.prompt.text, "bold"))
    ]
    for place, index in enumerate(said.shown or range(len(group.completions)), 1):
        completion = group.completions[index]
        text = foreign(completion.text, newlines=False) if completion.text.strip() else own("–")
        head = own((f"{place} ", "$frame-text"), (f"{marks[index]:>7} ", "bold $score"))
        lines += hanging(head, text, width)
    if isinstance(said.verdict, Edit):
        lines += hanging(own(("  edited  ", "bold $score")), foreign(said.verdict.text), width)
    if isinstance(said.verdict, Skip | Rejected):
        lines.append(own((describe(said.verdict, said.shown), "$frame-text")))
    if said.note:
        lines.append(own(("note: ", "$frame-text"), foreign(said.note)))
    lines.append(own((MEANS[state], "$accent" if state == "waiting" else "$frame-text")))
    return lines


def _marks(judged: JudgedGroup) -> Sequence[str]:
    verdict = judged.judgement.verdict
    given = verdict.rest if isinstance(verdict, Edit) else verdict
    match given:
        case Scores(values):
            return ["" if value is None else f"{value:g}" for value in values]
        case Ranking(ranks):
            return ["" if rank is None else f"{rank}." for rank in ranks]
        case _:
            return [""] * len(judged.group.completions)


T = TypeVar("T")

Part = Literal["state", "mode", "operator"]


def cycled(which: Filter, part: Part, operators: Sequence[str]) -> Filter:
    """The filter with the next choice of a part; after the last there is none."""
    match part:
        case "state":
            return dataclasses.replace(which, state=_next(STATES, which.state))
        case "mode":
            return dataclasses.replace(which, mode=_next(tuple(Mode), which.mode))
        case "operator":
            return dataclasses.replace(which, operator=_next(tuple(operators), which.operator))


def _next(choices: Sequence[T], now: T | None) -> T | None:
    if not choices:
        return None
    if now is None or now not in choices:
        return choices[0]
    place = choices.index(now) + 1
    return choices[place] if place < len(choices) else None


def in_words(which: Filter) -> Content:
    """What the filter leaves, "all" for everything."""
    parts: list[Content] = []
    if which.state is not None:
        parts.append(own(WORDS[which.state]))
    if which.mode is not None:
        parts.append(own(f"{which.mode} mode"))
    if which.operator is not None:
        parts.append(own("by ", foreign(which.operator)))
    if which.flagged:
        parts.append(own("flagged"))
    if which.noted:
        parts.append(own("with a note"))
    if which.text:
        parts.append(own("with “", foreign(which.text), "”"))
    return own(", ").join(parts) if parts else own("all")

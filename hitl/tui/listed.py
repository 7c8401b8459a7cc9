"""Judgements as the data screen shows them: a row, a preview, a filter in words. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

from textual.content import Content

from hitl.journal import STATES, Filter, Listed, State
from hitl.records import Edit, JudgedGroup, Mode, Ranking, Rejected, Scores, Skip
from hitl.tui.content import foreign, own
from hitl.tui.hanging import hanging
from hitl.tui.words import describe
from hitl.wording import Sentence, Translator

COLUMNS = (
    (Sentence("group"), 6),
    (Sentence("given"), 16),
    (Sentence("prompt"), 0),
    (Sentence("s"), 5),
    (Sentence("by"), 8),
    (Sentence("state"), 10),
)
"""(name, cells); the prompt has the room that is left."""

WORDS: dict[State, Sentence] = {
    "waiting": Sentence("waiting"),
    "trained": Sentence("trained"),
    "aside": Sentence("set aside"),
    "left": Sentence("left"),
}

MODES = {
    "score": Sentence("scores"),
    "rank": Sentence("rankings"),
    "pair": Sentence("pairs"),
}
"""By the name of the mode."""

_MEANS: dict[State, Sentence] = {
    "trained": Sentence("already trained: it is in the weights and stays"),
    "aside": Sentence(
        "set aside: the update it made was not a number, and none shall learn from it"
    ),
    "left": Sentence(
        "left behind when the run went back: it is not in the weights, and no update learns from it"
    ),
}


def row_of(one: Listed, tr: Translator) -> tuple[Content, ...]:
    """The cells of COLUMNS."""
    marks = ("⚑" if one.flag else "") + ("✎" if one.note else "")
    given = describe(one.verdict, one.shown, tr) + (f" {marks}" if marks else "")
    # Never by colour alone: a trained one names its update.
    state = (
        tr(WORDS[one.state])
        if one.update is None
        else tr("update {number}", number=one.update)
        if one.state == "trained"
        else f"{tr(WORDS[one.state])} {one.update}"
    )
    style = {"waiting": "$accent", "trained": "$frame-text"}.get(one.state, "$warning")
    return (
        own(f"{one.number:>6}"),
        own(given).truncate(16, ellipsis=True),
        foreign(one.prompt).truncate(200, ellipsis=True),
        own((f"{min(one.seconds, 999):5.1f}", "$frame-text")),
        foreign(one.operator, "$frame-text").truncate(8, ellipsis=True),
        own((state, style)).truncate(10),
    )


def meaning(state: State, key: Callable[[str, str], str]) -> Sentence:
    """What the state means for the judgement; `key(id, usual)` is the key that does a thing."""
    if state != "waiting":
        return _MEANS[state]
    return Sentence(
        "no update has learned from it yet: {anew} judges it anew, {back} takes it back",
        anew=key("data.change", "Enter"),
        back=key("data.take_back", "x"),
    )


def preview(
    judged: JudgedGroup, state: State, width: int, tr: Translator, key: Callable[[str, str], str]
) -> list[Content]:
    """The group with what was given, in the order it was shown; the best is marked. `key` is as
    `meaning` has it."""
    said, group = judged.judgement, judged.group
    marks = _marks(judged)
    lines = [
        own(
            (tr("Prompt {number}", number=group.prompt.number) + "  ", "$frame-text"),
            foreign(group.prompt.text, "bold"),
        )
    ]
    for place, index in enumerate(said.shown or range(len(group.completions)), 1):
        completion = group.completions[index]
        text = foreign(completion.text, newlines=False) if completion.text.strip() else own("–")
        head = own((f"{place} ", "$frame-text"), (f"{marks[index]:>7} ", "bold $score"))
        lines += hanging(head, text, width)
    if isinstance(said.verdict, Edit):
        lines += hanging(
            own(("  " + tr("edited") + "  ", "bold $score")), foreign(said.verdict.text), width
        )
    if isinstance(said.verdict, Skip | Rejected):
        lines.append(own((describe(said.verdict, said.shown, tr), "$frame-text")))
    if said.note:
        lines.append(own(tr("note: {note}", note=said.note)))
    lines.append(own((tr(meaning(state, key)), "$accent" if state == "waiting" else "$frame-text")))
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


def in_words(which: Filter, tr: Translator) -> str:
    """What the filter leaves, "all" for everything."""
    parts: list[str] = []
    if which.state is not None:
        parts.append(tr(WORDS[which.state]))
    if which.mode is not None:
        parts.append(tr(MODES[which.mode]))
    if which.operator is not None:
        parts.append(tr("by {operator}", operator=which.operator))
    if which.flagged:
        parts.append(tr("flagged"))
    if which.noted:
        parts.append(tr("with a note"))
    if which.text:
        parts.append(tr("with “{text}”", text=which.text))
    return tr(", ").join(parts) if parts else tr("all")

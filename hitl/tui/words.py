"""What was judged, in the few characters a line of the screen has for it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from hitl.records import Edit, Ranking, Rejected, Scores, Skip, Verdict
from hitl.wording import Translator


def describe(verdict: Verdict, shown: Sequence[int], tr: Translator) -> str:
    """A judgement in a few characters, in the order of the screen."""
    match verdict:
        case Scores(values):
            order = shown or range(len(values))
            return " ".join("·" if (v := values[i]) is None else f"{v:g}" for i in order)
        case Ranking(ranks):
            order = shown or range(len(ranks))
            places: dict[int, list[str]] = {}
            for place, i in enumerate(order):
                if (rank := ranks[i]) is not None:
                    places.setdefault(rank, []).append(str(place + 1))
            return " > ".join(" = ".join(places[rank]) for rank in sorted(places))
        case Edit(_, rest, of):
            at = None if of is None else (list(shown).index(of) if shown else of) + 1
            edited = tr("edited") if at is None else tr("edited {place}", place=at)
            return edited if rest is None else f"{edited}, {describe(rest, shown, tr)}"
        case Rejected(count):
            return tr("both bad") if count == 2 else tr("all bad")
        case Skip():
            return tr("skipped")


def is_han(text: str) -> bool:
    """Whether there is a Chinese character in it, as an input method sends."""
    return any(
        "\u3400" <= c <= "\u9fff" or "\uf900" <= c <= "\ufaff" or "\U00020000" <= c <= "\U0003ffff"
        for c in text
    )

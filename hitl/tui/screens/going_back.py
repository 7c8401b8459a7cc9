"""Going back in a run: which of its updates, and what becomes of the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from textual.app import App
from textual.content import Content

from hitl.records import UpdateStats
from hitl.tui.content import own
from hitl.tui.run_figures import update_rows
from hitl.tui.screens.page import ChooseScreen
from hitl.wording import Sentence, Translator

_LEFT_BEHIND = Sentence("what was judged after it stays in the journal, and is learned no more")


def ask_update(
    app: App[Any],
    tr: Translator,
    run: str,
    updates: Sequence[UpdateStats],
    then: Callable[[int], object],
    says: Sentence | None = None,
) -> None:
    """Offers the updates of a run, the last first and the base policy as 0; `says` what
    happens first. `then` is told the number, unless they go away with Esc."""
    head, *rows = update_rows(updates, tr)
    rows.append(own(f"{0:>7}", ("   " + tr("the base policy"), "$frame-text")))
    lines = [says, _LEFT_BEHIND] if says else [_LEFT_BEHIND]
    top = Content("\n").join([*(own((tr(line), "$warning")) for line in lines), own(""), head])

    def chosen(place: int | None) -> None:
        if place is not None:
            then(updates[-1].number - place)

    app.push_screen(ChooseScreen(own(tr("go back: {run}", run=run)), top, rows), chosen)

"""The runs beside the one that is open: figures, updates, two compared, and going back in one."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import OptionList
from textual.widgets.option_list import Option
from textual.worker import Worker

from hitl.records import UpdateStats
from hitl.runs import RunSummary, list_runs
from hitl.tui.content import foreign, own
from hitl.tui.keymap import Key, bindings
from hitl.tui.keymap_visits import VISIT_RUNS
from hitl.tui.messages import GoBack
from hitl.tui.run_figures import compared, update_rows, updates_of
from hitl.tui.screens.going_back import ask_update
from hitl.tui.screens.page import PageScreen
from hitl.tui.screens.runs import columns, summary_line
from hitl.tui.screens.visit import Visit
from hitl.tui.widgets.line import Line
from hitl.wording import Sentence


class RunVisit(Visit):
    """Newest first."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(VISIT_RUNS)]
    WHERE = "runs"

    _runs: tuple[RunSummary, ...] = ()
    _marked: int | None = None

    def body(self) -> ComposeResult:
        yield Line(columns(self.tr), id="columns")
        yield OptionList(markup=False)
        yield Line(id="problem")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(OptionList).focus()
        self.run_worker(self._list, thread=True, exclusive=True)

    def _list(self) -> tuple[RunSummary, ...]:
        folder = self.judging.info.folder
        return () if folder is None else tuple(list_runs(folder.parent))

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        event.stop()
        if event.worker.is_finished and event.worker.result is not None:
            self._runs = event.worker.result
            self._show()
            if not self._runs:
                self.say(own((self.tr("there are no runs to be seen here"), "$frame-text")))

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self.elsewhere()
        run = self._runs[event.option_index]
        about = (
            foreign(self.tr.said(run.problem), "$warning")
            if run.problem
            else own((self.tr("intact"), "$success"))
        )
        self.query_one("#problem", Line).show(own(foreign(run.run), ": ", about))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.action_updates()

    def action_updates(self) -> None:
        if (place := self._here()) is None:
            return
        run = self._runs[place]
        rows = update_rows(self._updates(run), self.tr)
        back = self.tr("{key} in the list of runs goes back to one", key=self.key("runs.back", "b"))
        if len(rows) == 1:
            rows = [own(self.tr("no update yet"))]
        else:
            rows = [
                own((back, "$frame-text")),
                own(""),
                *rows,
            ]
        title = own(self.tr("{run}: updates", run=run.run))
        self.app.push_screen(PageScreen(title, lambda width: rows))

    def action_go_back(self) -> None:
        """Offers the updates of the run on the line: the open run is saved and left for it."""
        if (place := self._here()) is None:
            return
        run = self._runs[place].run
        updates = self._updates(self._runs[place])
        if not updates:
            self.refuse(self.tr("no update yet: there is nothing to go back to"))
        else:
            here = self.judging.info.run
            says = (
                Sentence("it is saved and closed first; then it opens as it was after an update")
                if run == here
                else Sentence(
                    "run {here} is saved and closed first; then {run} opens as it was after an "
                    "update",
                    here=here,
                    run=run,
                )
            )
            ask_update(self.app, self.tr, run, updates, lambda at: self._go_back(run, at), says)

    def _go_back(self, run: str, at: int) -> None:
        self.post_message(GoBack(run, at))

    def action_compare(self) -> None:
        if (place := self._here()) is None:
            return
        if self._marked is None or self._marked == place:
            self._marked = place if self._marked is None else None
            marked = self._marked is not None
            key = self.key("runs.compare", "c")
            words = self.tr("marked: {key} on another run compares the two", key=key)
            self.say(own(words if marked else ""))
            self._show()
            return
        one, other = self._runs[self._marked], self._runs[place]
        sides = (one, self._updates(one)), (other, self._updates(other))
        self._marked = None
        self.say(own(""))
        self._show()
        lines = partial(compared, *sides, tr=self.tr)
        self.app.push_screen(PageScreen(own(self.tr("two runs")), lines))

    def hints(self) -> str:
        key = self.key
        return self.tr(
            "↑↓ choose  {updates} updates  {undo} go back in it  {compare} compare two  "
            "{back} back  {help} help",
            updates=key("runs.updates", "u"),
            undo=key("runs.back", "b"),
            compare=key("runs.compare", "c"),
            back=key("visit.back", "Esc"),
            help=key("visit.help", "?"),
        )

    def help_title(self) -> Sentence:
        return Sentence("Runs")

    def help_keys(self) -> tuple[Key, ...]:
        return VISIT_RUNS

    def _updates(self, run: RunSummary) -> tuple[UpdateStats, ...]:
        folder = self.judging.info.folder
        return updates_of(folder.parent / run.run) if folder is not None else ()

    def _here(self) -> int | None:
        if not self._runs:
            return None
        return self.query_one(OptionList).highlighted or 0

    def _show(self) -> None:
        listing = self.query_one(OptionList)
        here = listing.highlighted or 0
        open_run = self.judging.info.run
        listing.clear_options()
        for place, run in enumerate(self._runs):
            mark = "*" if place == self._marked else "▶" if run.run == open_run else " "
            listing.add_option(Option(summary_line(run, self.tr, mark)))
        if self._runs:
            listing.highlighted = min(here, len(self._runs) - 1)

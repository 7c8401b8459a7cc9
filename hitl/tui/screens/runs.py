"""The picker: which run to resume, or which language to begin in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from hitl.records import UpdateStats
from hitl.tui.choices import Choice, Leave, NewRun, ResumeRun, Summary
from hitl.tui.content import foreign, own, right
from hitl.tui.keymap import RUNS, Key, bindings
from hitl.tui.screens.answer import AnswerScreen
from hitl.tui.screens.going_back import ask_update
from hitl.tui.screens.help import HelpScreen
from hitl.tui.widgets.line import Line
from hitl.tui.widgets.status import age
from hitl.wording import Sentence, Translator

WIDTHS = (8, 8, 8, 6)
"""Cells of the figures of a run."""

NEW = (
    ("zh", Sentence("new run in Chinese"), "z"),
    ("en", Sentence("new run in English"), "e"),
)


class RunsScreen(AnswerScreen[Choice]):
    """Newest first; Enter on the first line resumes the newest run."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(RUNS)]

    def __init__(
        self,
        runs: Sequence[Summary],
        updates: Callable[[str], Sequence[UpdateStats]] = lambda run: (),
    ) -> None:
        """`updates(run)` are those that a run can go back to."""
        super().__init__()
        self._runs = list(runs)
        self._updates = updates

    def compose(self) -> ComposeResult:
        key = self.key
        yield Line(
            own(("hitl", "bold $accent"), "  " + self.tr("resume a run, or begin one")), id="title"
        )
        yield Line(columns(self.tr), id="columns")
        yield OptionList(*self._options(), markup=False)
        yield Line(id="said")
        yield Line(
            own(
                (
                    self.tr(
                        "↑↓ choose  {open} open  {undo} go back in it  {zh} {en} new run  "
                        "{help} help  {quit} leave",
                        open=key("runs.choose", "⏎"),
                        undo=key("runs.back", "b"),
                        zh=key("runs.new_zh", "z"),
                        en=key("runs.new_en", "e"),
                        help=key("runs.help", "?"),
                        quit=key("runs.quit", "q"),
                    ),
                    "$frame-text",
                )
            ),
            id="hints",
        )

    def on_mount(self) -> None:
        listing = self.query_one(OptionList)
        listing.highlighted = 0
        listing.focus()

    def _options(self) -> list[Option]:
        runs = [
            Option(summary_line(run, self.tr), id=f"run-{n}") for n, run in enumerate(self._runs)
        ]
        new = [
            Option(own((" + " + self.tr(words), "$accent"), (f"   {key}", "$frame-text")), id=lang)
            for lang, words, usual in NEW
            for key in (self.key(f"runs.new_{lang}", usual),)
        ]
        return [*runs, *new]

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        chosen = event.option.id or ""
        if chosen.startswith("run-"):
            self.dismiss(ResumeRun(self._runs[int(chosen[4:])].run))
        else:
            self.action_new(chosen)

    def action_choose(self) -> None:
        self.query_one(OptionList).action_select()

    def action_go_back(self) -> None:
        """Offers the updates of the run on the line."""
        place = self.query_one(OptionList).highlighted or 0
        if place >= len(self._runs):
            self.refuse("a new run has nothing to go back to")
            return
        run = self._runs[place].run
        updates = self._updates(run)
        if not updates:
            self.refuse("no update yet: there is nothing to go back to")
            return
        ask_update(self.app, self.tr, run, updates, lambda at: self.dismiss(ResumeRun(run, at)))

    def on_option_list_option_highlighted(self) -> None:
        self.query_one("#said", Line).show(own(""))

    def refuse(self, why: str, /) -> None:
        """Why a key did nothing: a message of the catalogue."""
        self.query_one("#said", Line).show(own((self.tr(why), "$warning")))

    def help_keys(self) -> tuple[Key, ...]:
        return RUNS

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen(self.tr("Runs"), RUNS))

    def action_new(self, lang: str) -> None:
        self.dismiss(NewRun("zh" if lang == "zh" else "en"))

    def action_leave(self) -> None:
        self.dismiss(Leave())

    action_quit = action_leave


def summary_line(run: Summary, tr: Translator, mark: str = " ") -> Content:
    """A run in one line, `mark` before it."""
    reward = "–" if run.reward is None or run.reward != run.reward else f"{run.reward:.2f}"
    row = _row(run.run, run.policy, str(run.updates), str(run.labels), reward, age(run.age_s), mark)
    if run.intact:
        return row
    return own(row, ("  ! " + tr("damaged"), "$warning"))


def _row(
    run: str, policy: str, updates: str, labels: str, reward: str, ago: str, mark: str = " "
) -> Content:
    return own(
        (mark, "$accent"),
        foreign(run).truncate(20, ellipsis=True, pad=True),
        " ",
        foreign(policy).truncate(12, ellipsis=True, pad=True),
        *map(right, (updates, labels, reward, ago), WIDTHS),
    )


def columns(tr: Translator) -> Content:
    """The head of the list."""
    return _row(tr("run"), tr("policy"), tr("updates"), tr("labels"), tr("reward"), tr("age"))

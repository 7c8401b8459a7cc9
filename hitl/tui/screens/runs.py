"""The picker: which run to resume, or which language to begin in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from hitl.tui.content import foreign, own
from hitl.tui.keymap import RUNS, bindings
from hitl.tui.widgets.line import Line
from hitl.tui.widgets.status import age


class Summary(Protocol):
    """What the picker shows of a run."""

    @property
    def run(self) -> str: ...
    @property
    def policy(self) -> str: ...
    @property
    def updates(self) -> int: ...
    @property
    def labels(self) -> int: ...
    @property
    def reward(self) -> float | None: ...
    @property
    def age_s(self) -> float: ...
    @property
    def intact(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class ResumeRun:
    """Go on with the run of this name."""

    run: str


@dataclass(frozen=True, slots=True)
class NewRun:
    """Begin a run on the shipped policy of the language."""

    lang: Literal["zh", "en"]


@dataclass(frozen=True, slots=True)
class Leave:
    """Nothing."""


Choice = ResumeRun | NewRun | Leave

NEW = (("zh", "new run in Chinese", "z"), ("en", "new run in English", "e"))


class RunsScreen(Screen[Choice]):
    """Newest first; Enter on the first line resumes the newest run."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(RUNS)]

    def __init__(self, runs: Sequence[Summary]) -> None:
        super().__init__()
        self._runs = list(runs)

    def compose(self) -> ComposeResult:
        yield Line(own(("hitl", "bold $accent"), "  resume a run, or begin one"), id="title")
        yield Line(_row("run", "policy", "updates", "labels", "reward", "age"), id="columns")
        yield OptionList(*self._options(), markup=False)
        yield Line(
            own(("↑↓ choose  ⏎ open  z new in Chinese  e new in English  q leave", "$frame-text")),
            id="hints",
        )

    def on_mount(self) -> None:
        listing = self.query_one(OptionList)
        listing.highlighted = 0
        listing.focus()

    def _options(self) -> list[Option]:
        runs = [Option(_summary(run), id=f"run-{n}") for n, run in enumerate(self._runs)]
        new = [
            Option(own((f" + {words}", "$accent"), (f"   {key}", "$frame-text")), id=lang)
            for lang, words, key in NEW
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

    def action_new(self, lang: str) -> None:
        self.dismiss(NewRun("zh" if lang == "zh" else "en"))

    def action_leave(self) -> None:
        self.dismiss(Leave())

    action_quit = action_leave


def _summary(run: Summary) -> Content:
    reward = "–" if run.reward is None or run.reward != run.reward else f"{run.reward:.2f}"
    row = _row(run.run, run.policy, str(run.updates), str(run.labels), reward, age(run.age_s))
    if run.intact:
        return row
    return own(row, ("  ! damaged", "$warning"))


def _row(run: str, policy: str, updates: str, labels: str, reward: str, ago: str) -> Content:
    return own(
        " ",
        foreign(run).truncate(20, ellipsis=True, pad=True),
        " ",
        foreign(policy).truncate(12, ellipsis=True, pad=True),
        f"{updates:>8}{labels:>8}{reward:>8}{ago:>6}",
    )

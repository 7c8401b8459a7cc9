"""The app: a picker if asked for, then the session's screen and those beside it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from textual.app import SystemCommand
from textual.binding import BindingType
from textual.events import Key, Paste
from textual.screen import Screen

from hitl.records import UpdateStats
from hitl.tui.choices import Choice, Leave, NewRun, ResumeRun, Summary
from hitl.tui.ending import EndingApp
from hitl.tui.messages import DeskCame, GoBack, Happened, SessionEnded
from hitl.tui.operator import TuiOperator
from hitl.tui.palette import colours_of, commands_of
from hitl.tui.remap import Keymap
from hitl.tui.screens.entry import EntryScreen
from hitl.tui.screens.frame import SessionInfo
from hitl.tui.screens.judging import JudgingScreen
from hitl.tui.screens.small import SmallScreen, too_small
from hitl.tui.screens.visit import Visit
from hitl.tui.theme import DARK, THEMES, ThemeName
from hitl.wording import ENGLISH, Translator


@dataclass(frozen=True, slots=True)
class SessionPlan:
    """A session the app can open: what is on its screen, and what its thread does."""

    info: SessionInfo
    start: Callable[[TuiOperator], None]


class HitlApp(EndingApp[Choice]):
    """Opens at once; whatever is slow happens in the session's thread."""

    TITLE = "hitl"
    CSS_PATH: ClassVar = [
        "widgets/card.tcss",
        "widgets/status.tcss",
        "widgets/prompt.tcss",
        "widgets/entry.tcss",
        "screens/judging.tcss",
        "screens/score.tcss",
        "screens/pair.tcss",
        "screens/entry.tcss",
        "screens/tokens.tcss",
        "screens/runs.tcss",
        "screens/help.tcss",
        "screens/visit.tcss",
        "screens/visits.tcss",
    ]
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(
        self,
        *,
        plan: SessionPlan | None = None,
        runs: Sequence[Summary] = (),
        begin: Callable[[ResumeRun | NewRun], SessionPlan] | None = None,
        updates: Callable[[str], Sequence[UpdateStats]] = lambda run: (),
        clock: Callable[[], float] = time.monotonic,
        keymap: Keymap | None = None,
        tr: Translator = ENGLISH,
        theme: ThemeName = "dark",
    ) -> None:
        """Opens `plan`, or the picker; what is picked there is returned, or opened by `begin`, as
        is a run that the open one is left for. `updates(run)` are those the picker offers to go
        back to."""
        super().__init__(tr, keymap)
        # Not once it runs: all styles would be worked out twice before the first picture.
        for known in THEMES.values():
            self.register_theme(known)
        self.action_colours(theme)
        self._plan = plan
        self._runs = runs
        self._begin = begin
        self._updates = updates
        self._clock = clock
        self._judging: JudgingScreen | None = None
        self._next: ResumeRun | None = None

    # -- life -------------------------------------------------------------------------------

    def get_theme_variable_defaults(self) -> dict[str, str]:
        # Our own names, so that any other theme works too.
        return {name: value for name, value in DARK.variables.items() if "cursor" not in name}

    def on_mount(self) -> None:
        self.set_keymap(self.keys.bindings)
        self._listen_to_signals()
        self.call_after_refresh(self._fit)
        if self._plan is not None:
            self._open(self._plan)
        else:
            from hitl.tui.screens.runs import RunsScreen

            self.push_screen(RunsScreen(self._runs, self._updates), self._picked)

    def _picked(self, choice: Choice | None) -> None:
        if choice is None or isinstance(choice, Leave) or self._begin is None:
            self.exit(choice or Leave())
            return
        try:
            plan = self._begin(choice)
        except Exception as error:
            self.error = error
            self.exit()
            return
        self._open(plan)

    def _open(self, plan: SessionPlan) -> None:
        operator = TuiOperator(plan.info.config.operator_name, self.post_message)
        self._judging = _judging(plan.info.config.mode)(plan.info, operator.reply, self._clock)
        self.push_screen(self._judging)
        self.call_after_refresh(self._fit)  # what lay over the run before is gone with it
        self._work_behind(plan.start, operator)

    def leave(self) -> None:
        if self._judging is not None:
            self.action_visit("judge")
            self._judging.action_quit()
        else:
            self.exit(Leave())

    # -- a terminal that is too small ----------------------------------------------------------

    def on_resize(self) -> None:
        self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        """Below the least size, a sentence lies over everything: what could not be seen should
        not be judged."""
        small, told = too_small(self.size), isinstance(self.screen, SmallScreen)
        if small and not told:
            self.push_screen(SmallScreen(self._fit))
        elif told and not small:
            self.pop_screen()

    # -- keys and pastes that nobody took -----------------------------------------------------

    # Only here they are in their order: a screen that a key opens is not there yet when the next
    # keys of a fast hand go to the screen below it.

    def on_key(self, event: Key) -> None:
        if not event.is_printable or event.character is None:
            return
        if isinstance(self.screen, EntryScreen):
            event.prevent_default()
            self.screen.type(event.character)
        elif isinstance(self.screen, JudgingScreen) and self.screen.bound.isdisjoint(event.aliases):
            self.screen.unknown(event.character)

    def on_paste(self, event: Paste) -> None:
        if isinstance(self.screen, EntryScreen):
            self.screen.type(event.text)
        elif isinstance(self.screen, JudgingScreen):
            self.screen.pasted(event.text)

    # -- the screens beside judging ------------------------------------------------------------

    @property
    def visiting(self) -> Visit | None:
        """The screen beside judging that is open, whatever lies over it."""
        return next((s for s in self.screen_stack if isinstance(s, Visit)), None)

    def action_visit(self, name: str) -> None:
        """Opens the screen of this name over the group, or goes back to the group. Where a
        question waits for its answer, nothing happens."""
        top, judging = self.screen, self._judging
        if judging is None or not (top is judging or isinstance(top, Visit)):
            return
        if name == "judge":
            if isinstance(top, Visit):
                self.pop_screen()
                judging.away(False)
        elif isinstance(top, Visit):
            if name != top.WHERE:
                self.switch_screen(_visit(name, judging))
        else:
            judging.away(True)
            self.push_screen(_visit(name, judging))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """What the keys of the screen do, for the command palette."""
        yield from commands_of(screen, self.tr, self.keys)
        yield from colours_of(self, self.tr)

    def action_command_palette(self) -> None:
        """Textual's, asking in our words."""
        from hitl.tui.screens.commands import Commands

        if not isinstance(self.screen, Commands):
            asks = self.tr("what to do …")
            self.push_screen(Commands(placeholder=asks, id="--command-palette"))

    def action_colours(self, name: ThemeName) -> None:
        """Of every screen, until the program ends."""
        self.theme = THEMES[name].name

    # -- the session's messages ----------------------------------------------------------------

    def on_desk_came(self, message: DeskCame) -> None:
        if self._judging is not None:
            self._judging.lay(message.desk)

    def on_happened(self, message: Happened) -> None:
        if self._judging is not None:
            self._judging.happened(message.event)
        if (visit := self.visiting) is not None:
            visit.happened(message.event)

    def on_session_ended(self, message: SessionEnded) -> None:
        after, self._next = self._next, None
        if after is None or message.error is not None or self.signal is not None:
            self.exit()
            return
        while len(self.screen_stack) > 1:
            self.pop_screen()
        self._picked(after)

    def on_go_back(self, message: GoBack) -> None:
        """Leaves the open run, which saves it, for a run as it was after an update."""
        if self._begin is not None:
            self._next = ResumeRun(message.run, message.at)
            self.leave()
        elif (visit := self.visiting) is not None:
            visit.refuse(
                self.tr(
                    "leave with q, then: hitl resume {run} --at {at}",
                    run=message.run,
                    at=message.at,
                )
            )

    async def action_quit(self) -> None:
        """Textual's own way out, which would forget to save."""
        self.leave()

    def action_help_quit(self) -> None:
        self.leave()


def _judging(mode: Literal["score", "rank", "pair"]) -> type[JudgingScreen]:
    """Imports the one screen that is shown: the first picture waits for it."""
    match mode:
        case "score":
            from hitl.tui.screens.score import ScoreScreen

            return ScoreScreen
        case "rank":
            from hitl.tui.screens.rank import RankScreen

            return RankScreen
        case "pair":
            from hitl.tui.screens.pair import PairScreen

            return PairScreen


def _visit(name: str, judging: JudgingScreen) -> Visit:
    # Imported when first opened: the first paint does without them.
    match name:
        case "train":
            from hitl.tui.screens.train import TrainScreen

            return TrainScreen(judging)
        case "data":
            from hitl.tui.screens.data import DataScreen

            return DataScreen(judging)
        case "runs":
            from hitl.tui.screens.run_visit import RunVisit

            return RunVisit(judging)
        case "blind":
            from hitl.tui.screens.blind import BlindScreen

            return BlindScreen(judging)
    raise ValueError(f"there is no screen {name!r}")

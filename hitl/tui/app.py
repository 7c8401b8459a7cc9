"""The app: a picker if asked for, then the session's screen. And the thread the session runs in."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from textual.app import SystemCommand
from textual.binding import BindingType
from textual.events import Key, Paste
from textual.screen import Screen

from hitl.records import UpdateStats
from hitl.tui.messages import DeskCame, GoBack, Happened, SessionEnded
from hitl.tui.operator import TuiOperator
from hitl.tui.palette import colours_of, commands_of
from hitl.tui.remap import Keymap, keymap_path, load_keymap
from hitl.tui.screens.entry import EntryScreen
from hitl.tui.screens.frame import SessionInfo
from hitl.tui.screens.judging import JudgingScreen
from hitl.tui.screens.pair import PairScreen
from hitl.tui.screens.rank import RankScreen
from hitl.tui.screens.runs import Choice, Leave, NewRun, ResumeRun, RunsScreen, Summary
from hitl.tui.screens.score import ScoreScreen
from hitl.tui.screens.small import SmallScreen, too_small
from hitl.tui.screens.visit import Visit
from hitl.tui.terminal import abandon, drawing, lost
from hitl.tui.theme import DARK, THEMES, ThemeName
from hitl.tui.translated import TranslatedApp
from hitl.wording import ENGLISH, Translator

__all__ = [
    "Choice",
    "HitlApp",
    "Leave",
    "NewRun",
    "ResumeRun",
    "SessionInfo",
    "SessionPlan",
    "pick_and_run",
    "run_session",
]


GRACE = 2.0
"""Seconds the app has to end by itself once its terminal is lost and its session saved."""


@dataclass(frozen=True, slots=True)
class SessionPlan:
    """A session the app can open: what is on its screen, and what its thread does."""

    info: SessionInfo
    start: Callable[[TuiOperator], None]


class HitlApp(TranslatedApp[Choice]):
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
        super().__init__(tr)
        self._look = theme
        self._plan = plan
        self._runs = runs
        self._begin = begin
        self._updates = updates
        self._clock = clock
        self._keymap_file = keymap or Keymap()
        self._operator: TuiOperator | None = None
        self._thread: threading.Thread | None = None
        self._judging: JudgingScreen | None = None
        self._next: ResumeRun | None = None
        self.error: BaseException | None = None
        """What the session's thread failed with."""
        self.signal: signal.Signals | None = None
        """What ended the app, if it was not the operator."""
        self.at_once = False
        """A second signal came: not even the session is waited for."""

    # -- life -------------------------------------------------------------------------------

    def get_theme_variable_defaults(self) -> dict[str, str]:
        # Our own names, so that any other theme works too.
        return {name: value for name, value in DARK.variables.items() if "cursor" not in name}

    def on_mount(self) -> None:
        for theme in THEMES.values():
            self.register_theme(theme)
        self.action_colours(self._look)
        self.set_keymap(self._keymap_file.bindings)
        self._listen_to_signals()
        self.call_after_refresh(self._fit)
        if self._plan is not None:
            self._open(self._plan)
        else:
            self.push_screen(RunsScreen(self._runs, self._updates, self._keymap_file), self._picked)

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
        self._operator = operator
        kind = {"score": ScoreScreen, "rank": RankScreen, "pair": PairScreen}[plan.info.config.mode]
        self._judging = kind(plan.info, operator.reply, self._clock, self._keymap_file)
        self.push_screen(self._judging)
        self._thread = threading.Thread(
            target=self._work, args=(plan.start, operator), name="session", daemon=False
        )
        # The first paint comes before the thread, whose imports hold the interpreter.
        self.call_after_refresh(self._thread.start)

    def _work(self, start: Callable[[TuiOperator], None], operator: TuiOperator) -> None:
        error: BaseException | None = None
        try:
            start(operator)
        except BaseException as failure:  # raised again by run_session
            error = failure
        self.error = error
        self.post_message(SessionEnded(error))

    def hang_up(self) -> None:
        """Whatever the session asks from here on, it is told to quit."""
        if self._operator is not None:
            self._operator.hang_up()

    def finish(self) -> None:
        """After the app: ends the session's wait and waits for its last save."""
        self.hang_up()
        if self._thread is not None and self._thread.ident is not None:
            self._thread.join()

    def _listen_to_signals(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        loop = asyncio.get_running_loop()
        with contextlib.suppress(NotImplementedError):  # Windows
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self._ended_by, number)
        if hasattr(signal, "SIGHUP"):
            # Not through the loop: it may be waiting for the output of the lost terminal.
            signal.signal(signal.SIGHUP, lambda *_: self._terminal_lost())

    def _ended_by(self, number: signal.Signals) -> None:
        """Saves and leaves; at the second signal it leaves at once, which loses nothing that was
        acknowledged."""
        if self.signal is None:
            self.signal = number
            self._leave()
        else:
            self.at_once = True
            self.exit()

    def _terminal_lost(self) -> None:
        """Saves and ends, without the screen if that is gone, whatever state it is in."""
        self.signal = signal.SIGHUP
        if lost():
            abandon()
        self.hang_up()  # the session ends, and with it the app
        if self._thread is None:
            self.call_later(self.exit)
        threading.Thread(target=self._bury, name="undertaker", daemon=True).start()

    def _bury(self) -> None:
        if self._thread is not None and self._thread.ident is not None:
            self._thread.join()  # its last save
        time.sleep(GRACE)
        os._exit(128 + signal.SIGHUP)

    def _leave(self) -> None:
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
        elif isinstance(self.screen, JudgingScreen):
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
        yield from commands_of(screen, self.tr)
        yield from colours_of(self, self.tr)

    def action_command_palette(self) -> None:
        """Textual's, asking in our words."""
        from textual.command import CommandPalette

        if not isinstance(self.screen, CommandPalette):
            asks = self.tr("what to do …")
            self.push_screen(CommandPalette(placeholder=asks, id="--command-palette"))

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
            self._leave()
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
        self._leave()

    def action_help_quit(self) -> None:
        self._leave()


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


def run_session(
    plan: SessionPlan,
    begin: Callable[[ResumeRun | NewRun], SessionPlan] | None = None,
    *,
    tr: Translator = ENGLISH,
    theme: ThemeName = "dark",
    log: Path | None = None,
) -> int:
    """Opens the plan's screen at once, and runs its session in a thread until it returns.

    What the session raises is raised here, after the terminal is restored. Returns the exit code.
    `begin` opens the run that this one is left for; `log` takes what C libraries write to fd 2
    meanwhile.
    """
    keymap = load_keymap(keymap_path())
    return _run(HitlApp(plan=plan, begin=begin, keymap=keymap, tr=tr, theme=theme), log)


def pick_and_run(
    runs: Sequence[Summary],
    begin: Callable[[ResumeRun | NewRun], SessionPlan],
    *,
    tr: Translator = ENGLISH,
    theme: ThemeName = "dark",
    log: Path | None = None,
    updates: Callable[[str], Sequence[UpdateStats]] = lambda run: (),
) -> int:
    """The picker and then the session in one app, without a flicker between them.

    `begin` is called on the screen's thread: it reads a config, nothing slow. So is
    `updates(run)`: the updates a run can go back to.
    """
    keymap = load_keymap(keymap_path())
    app = HitlApp(runs=runs, begin=begin, updates=updates, keymap=keymap, tr=tr, theme=theme)
    return _run(app, log)


def _run(app: HitlApp, log: Path | None) -> int:
    with drawing(log):
        try:
            app.run()
        finally:
            if not app.at_once:
                app.finish()
    if app.at_once and app.signal is not None:
        os._exit(128 + app.signal)
    if app.error is not None:
        raise app.error
    return 128 + app.signal if app.signal is not None else app.return_code or 0

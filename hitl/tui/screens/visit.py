"""What the screens beside judging share: the session goes on behind them, Esc goes back to it."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import Screen

from hitl.errors import HitlError
from hitl.operator import Event
from hitl.tui.content import foreign, own
from hitl.tui.hints import fitting
from hitl.tui.keymap import Key
from hitl.tui.screens.help import HelpScreen
from hitl.tui.screens.judging import JudgingScreen
from hitl.tui.translated import Translated
from hitl.tui.widgets.line import Line
from hitl.tui.widgets.status import StatusLine
from hitl.wording import Sentence


class Visit(Translated, Screen[None]):
    """The status line above, the body, a line that answers and the keys below."""

    BINDINGS: ClassVar[list[BindingType]] = []
    AUTO_FOCUS = ""
    WHERE = ""
    """The name `visit` knows it by."""

    _refused = False
    """Whether the line above the keys says why a key did nothing."""

    def __init__(self, judging: JudgingScreen) -> None:
        """`judging` is the screen that lies below, with the run, what was heard and the session."""
        super().__init__()
        self.judging = judging

    def compose(self) -> ComposeResult:
        yield StatusLine(self.judging.heard.status)
        with Vertical(id="body"):
            yield from self.body()
        with Vertical(id="foot"):
            yield Line(id="said")
            yield Line(id="hints")

    def on_mount(self) -> None:
        self.set_interval(0.5, self._tick)
        self.show_hints()

    def on_resize(self) -> None:
        self.show_hints()

    def say(self, content: Content) -> None:
        """On the line above the keys."""
        self._refused = False
        self.query_one("#said", Line).show(content)

    def refuse(self, why: str, /, **values: object) -> None:
        """Why a key did nothing: a message of the catalogue."""
        self.say(own((self.tr(why, **values), "$warning")))
        self._refused = True

    def elsewhere(self) -> None:
        """The cursor is somewhere else, where what was refused need not be so."""
        if self._refused:
            self.say(Content(""))

    def fail(self, error: BaseException | None) -> None:
        """A thread ended with `error`: it is said if the operator can act on it, else raised."""
        if not isinstance(error, HitlError):
            raise error or RuntimeError("a thread failed")
        self.say(foreign(self.tr.error(error), "$error"))

    def show_hints(self) -> None:
        room = self.hint_room
        text = own((fitting(self.hints(), room), "$frame-text"))
        self.query_one("#hints", Line).show(text.truncate(room))

    @property
    def hint_room(self) -> int:
        """Cells that the line of keys has."""
        return max(self.size.width - 2, 1)

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen(self.tr(self.help_title()), self.help_keys()))

    def _tick(self) -> None:
        self.query_one(StatusLine).show(self.judging.heard.status)

    # -- hooks ------------------------------------------------------------------------------

    def body(self) -> ComposeResult:
        raise NotImplementedError

    def happened(self, event: Event) -> None:
        """The session told something; the judging screen knows it already."""

    def hints(self) -> str:
        raise NotImplementedError

    def help_title(self) -> Sentence:
        raise NotImplementedError

    def help_keys(self) -> tuple[Key, ...]:
        raise NotImplementedError

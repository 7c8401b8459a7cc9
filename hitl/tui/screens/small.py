"""What a terminal shows that is too small for anything else."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.geometry import Size
from textual.screen import ModalScreen

from hitl.tui.content import own
from hitl.tui.keymap import SMALL, bindings
from hitl.tui.translated import Translated
from hitl.tui.widgets.line import Line

WIDTH, HEIGHT = 80, 24
"""Cells that every screen has room in."""


def too_small(size: Size) -> bool:
    """Whether a terminal has less."""
    return size.width < WIDTH or size.height < HEIGHT


class SmallScreen(Translated, ModalScreen[None]):
    """One sentence. No key gets past it, but the session goes on behind."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(SMALL)]
    DEFAULT_CSS = """
    SmallScreen { background: $background; }
    SmallScreen Line { height: 1fr; max-height: 1000; }
    """

    def __init__(self, fit: Callable[[], None]) -> None:
        """`fit` takes the screen away once the terminal is large enough."""
        super().__init__()
        self._fit = fit

    def compose(self) -> ComposeResult:
        yield Line()

    def on_mount(self) -> None:
        self.on_resize()

    def on_resize(self) -> None:
        said = self.tr(
            "This terminal has {width}×{height} cells; hitl needs {least_width}×{least_height}: "
            "make it larger. q saves and leaves.",
            width=self.app.size.width,
            height=self.app.size.height,
            least_width=WIDTH,
            least_height=HEIGHT,
        )
        self.query_one(Line).show(own(said))

    def on_screen_resume(self) -> None:
        """It grew while another screen lay over this one."""
        self.call_after_refresh(self._fit)

"""The box that the cards stand in."""

from __future__ import annotations

from textual.containers import VerticalScroll
from textual.message import Message


class Cards(VerticalScroll):
    """Says when it has other room: the heights of the cards come from it.

    A callback after a refresh is no substitute. Textual makes it at the next beat of its clock,
    whether the layout has been made by then or not, and where the box had no place yet, the cards
    would be given none for as long as they are shown.
    """

    class Resized(Message):
        """It has another size, or a place at all."""

    def on_resize(self) -> None:
        self.post_message(self.Resized())

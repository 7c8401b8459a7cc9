"""Comparing two: one key a group."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType

from hitl.operator import Desk
from hitl.records import Ranking, Rejected, Verdict
from hitl.tui.content import own
from hitl.tui.keymap import PAIR, Key, bindings
from hitl.tui.screens.asides import Asides
from hitl.tui.screens.frame import ROWS_LEAST
from hitl.tui.widgets.card import Card
from hitl.wording import Sentence

CHOOSES = ("pair.first", "←"), ("pair.second", "→")
"""Id and usual key of what makes a card the better one."""


class PairScreen(Asides):
    """The arrow points at the better one: left and right side by side, upper and lower in a
    narrow terminal."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(PAIR)]

    current = 0
    _pending: Verdict | None = None
    """Said while the session was away saving: sent when it is back."""

    def take(self, desk: Desk) -> None:
        self.current = 0
        self._pending = None
        self._mark()

    def came_again(self) -> None:
        super().came_again()
        if self._pending is not None:
            self.judge(self._pending)

    def entries(self) -> tuple[str, ...]:
        return ("",) * len(self.cards)

    def given(self) -> None:
        return None

    def untouched(self) -> bool:
        return self._pending is None

    def erase(self) -> None:
        self.note_key("⌫")
        self._pending = None
        self._mark()

    def current_card(self) -> Card:
        return self.cards[self.current]

    def card_height(self, room: int, shown: int) -> int | str:
        """Two texts have all the room there is."""
        return room if self.has_class("-wide") else max(room // 2, ROWS_LEAST)

    def action_win(self, place: int) -> None:
        self._win(place, "←→"[place])

    def _win(self, place: int, key: str) -> None:
        if self.desk is not None and self.may_enter():
            ranks = [2, 2]
            ranks[self.desk.shown[place]] = 1
            self._say(key, Ranking(tuple(ranks)))

    def action_tie(self) -> None:
        if self.may_enter():
            self._say("↓", Ranking((1, 1)))

    def action_bad(self) -> None:
        if self.may_enter():
            self._say("↑", Rejected(2))

    def action_other(self) -> None:
        if self.open:
            self._choose(1 - self.current)

    def action_scroll_card(self, pages: int) -> None:
        if self.open:
            for card in self.cards:
                card.turn(pages)

    def on_card_chosen(self, message: Card.Chosen) -> None:
        """A click says what an arrow says."""
        self._win(message.place, f"click{message.place + 1}")

    def hints(self) -> str:
        first, second = (self.key(*choice) for choice in CHOOSES)
        tie, bad = self.key("pair.tie", "↓"), self.key("pair.bad", "↑")
        choices = self.tr(
            "{first} {second} better  {tie} tie  {bad} both bad",
            first=first,
            second=second,
            tie=tie,
            bad=bad,
        )
        return f"{choices}  {self.common_hints()}"

    def first_keys(self) -> str:
        first, second = (self.key(*choice) for choice in CHOOSES)
        return self.tr(
            "{first} {second} better, {keys}",
            first=first,
            second=second,
            keys=self.common_first_keys(),
        )

    def help_title(self) -> Sentence:
        return Sentence("Comparing")

    def help_keys(self) -> tuple[Key, ...]:
        return PAIR

    def _choose(self, place: int) -> None:
        self.current = place
        self._mark()

    def _say(self, key: str, verdict: Verdict) -> None:
        self.note_key(key)
        if not self.judge(verdict):
            self._pending = verdict
            self._mark()

    def _mark(self) -> None:
        for card in self.cards:
            box = own(f"[ {self.key(*CHOOSES[card.place])} ]")
            if self._pending is not None:
                box = own(("[ … ]", "bold $score"))
            card.mark(box, current=card.place == self.current, scored=False, wrong=False)

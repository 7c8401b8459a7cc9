"""Ranking: digits best to worst, the last placed by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from textual.binding import BindingType

from hitl.operator import Desk
from hitl.records import Ranking
from hitl.tui.content import own
from hitl.tui.keymap import RANK, Key, bindings
from hitl.tui.screens.judging import JudgingScreen
from hitl.tui.widgets.card import Card


@dataclass(frozen=True, slots=True)
class Order:
    """Ranks by place on the screen, 1 is best, 0 is none yet. Pure."""

    ranks: tuple[int, ...]
    history: tuple[int, ...] = ()
    tie: bool = False
    """The next digit ties with the one before."""

    @classmethod
    def restored(cls, entries: tuple[str, ...]) -> Order:
        ranks = tuple(int(e) if e.isdecimal() else 0 for e in entries)
        placed = sorted((p for p, r in enumerate(ranks) if r), key=lambda p: (ranks[p], p))
        return cls(ranks, tuple(placed))

    @property
    def entries(self) -> tuple[str, ...]:
        return tuple(str(rank) if rank else "" for rank in self.ranks)

    @property
    def complete(self) -> bool:
        return all(self.ranks)

    def put(self, place: int) -> Order:
        """The card at `place` comes next; the last one left is placed by itself."""
        # 1 2 2 4: as ranks with ties are counted.
        tied = self.tie and self.history
        rank = self.ranks[self.history[-1]] if tied else len(self.history) + 1
        order = self._with(place, rank)
        left = [p for p, r in enumerate(order.ranks) if not r]
        return order._with(left[0], len(order.history) + 1) if len(left) == 1 else order

    def level(self) -> Order:
        """The cards without a rank share the next one."""
        left = tuple(p for p, rank in enumerate(self.ranks) if not rank)
        shared = len(self.history) + 1
        ranks = tuple(rank or shared for rank in self.ranks)
        return Order(ranks, (*self.history, *left))

    def _with(self, place: int, rank: int) -> Order:
        ranks = (*self.ranks[:place], rank, *self.ranks[place + 1 :])
        return Order(ranks, (*self.history, place))

    def erase(self) -> Order:
        if self.tie:
            return replace(self, tie=False)
        *before, last = self.history
        ranks = (*self.ranks[:last], 0, *self.ranks[last + 1 :])
        return Order(ranks, tuple(before))


class RankScreen(JudgingScreen):
    """One order a group. `=` before a digit ties it with the one before, `==` ties all the rest."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(RANK)]

    order = Order(())
    current = 0

    def take(self, desk: Desk) -> None:
        drafted = desk.draft is not None and any(desk.draft.entries)
        entries = desk.draft.entries if desk.draft is not None and drafted else ()
        places = tuple(entries[i] if entries else "" for i in desk.shown)
        self.order = Order.restored(places)
        self.current = 0
        self._mark()

    def came_again(self) -> None:
        if self.order.complete:
            self._commit()

    def untouched(self) -> bool:
        return not self.order.history and not self.order.tie

    def erase(self) -> None:
        self.note_key("⌫")
        self._become(self.order.erase())

    def current_card(self) -> Card:
        return self.cards[self.current]

    def action_rank(self, digit: str) -> None:
        if not self.may_enter():
            return
        place = int(digit) - 1
        if place >= len(self.order.ranks):
            self.refuse(f"there are {len(self.order.ranks)} completions")
        elif self.order.ranks[place]:
            self.refuse(f"{digit} has its place: ⌫ takes the last one back")
        else:
            self.note_key(digit)
            self._become(self.order.put(place))

    def action_tie(self) -> None:
        if self.may_enter():
            self.note_key("=")
            if self.order.tie:
                self._become(self.order.level())
                return
            self._become(replace(self.order, tie=True))
            one = "the next digit ties with the one before, " if self.order.history else ""
            self.say(own(f"{one}= again ties all the rest"))

    def action_enter(self) -> None:
        if self.open and self.may_enter():
            if self.order.complete:
                self.note_key("⏎")
                self._commit()
            else:
                self.refuse("digits, best to worst; the last is placed by itself")

    def action_move(self, by: int) -> None:
        if self.open:
            self.current = min(max(self.current + by, 0), len(self.order.ranks) - 1)
            self._mark()

    def on_card_chosen(self, message: Card.Chosen) -> None:
        if self.open:
            self.current = message.place
            self._mark()

    def hints(self) -> str:
        keep = "⏎ keep  " if self.order.ranks and self.order.complete and self.open else ""
        return (
            f"{keep}1-{len(self.order.ranks) or self.info.config.group_size} best → worst  = tie  "
            "␣ skip  ⌫ undo  r resample  PgDn more  q quit  ? help"
        )

    def help_title(self) -> str:
        return "Ranking"

    def help_keys(self) -> tuple[Key, ...]:
        return RANK

    def _become(self, order: Order) -> None:
        before, self.order = self.order, order
        if order.entries != before.entries:
            self.draft(order.entries)
        self._mark()
        if order.complete and not before.complete:
            self._commit()

    def _commit(self) -> None:
        if self.desk is None:
            return
        ranks: list[int | None] = [None] * len(self.desk.group.completions)
        for index, rank in zip(self.desk.shown, self.order.ranks, strict=True):
            ranks[index] = rank
        self.judge(Ranking(tuple(ranks)))

    def _mark(self) -> None:
        for card in self.cards[: len(self.order.ranks)]:
            rank = self.order.ranks[card.place]
            box = own((f"[ {rank}. ]", "bold $score")) if rank else own("[    ]")
            current = card.place == self.current
            card.mark(box, current=current, scored=bool(rank), wrong=False)
        if self.order.ranks:
            self.current_card().scroll_visible(animate=False)

"""Ranking: digits best to worst, the last placed by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual.binding import BindingType

from hitl.operator import Desk
from hitl.records import Ranking
from hitl.tui.content import own
from hitl.tui.keymap import RANK, Key, bindings
from hitl.tui.ordering import Order
from hitl.tui.screens.asides import Asides
from hitl.tui.widgets.card import Card
from hitl.wording import Sentence

FITTING = 4
"""Cards that the smallest terminal has room for; arrows lead to the others."""


class RankScreen(Asides):
    """One order a group. `=` before a digit ties it with the one before, `==` ties all the rest;
    Enter after two digits takes them for the best and the worst."""

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
        super().came_again()
        if self.order.complete:
            self._commit()

    def entries(self) -> tuple[str, ...]:
        return self.order.entries

    def given(self) -> Ranking | None:
        ranks = self._by_completion()
        return Ranking(ranks) if any(ranks) else None

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
            self.refuse("there are {count} completions", count=len(self.order.ranks))
        elif self.order.ranks[place]:
            undo = self.key("group.undo", "⌫")
            self.refuse(
                "{place} has its place: {key} takes the last one back", place=digit, key=undo
            )
        else:
            self.note_key(digit)
            self.current = place
            self._become(self.order.put(place))

    def action_tie(self) -> None:
        if self.may_enter():
            self.note_key("=")
            if self.order.tie:
                self._become(self.order.level())
                return
            self._become(replace(self.order, tie=True))
            tie = self.key("rank.tie", "=")
            said = (
                Sentence(
                    "the next digit ties with the one before, {key} again ties all the rest",
                    key=tie,
                )
                if self.order.history
                else Sentence("{key} again ties all the rest", key=tie)
            )
            self.say(own(self.tr(said)), "key")

    def action_enter(self) -> None:
        if self.open and self.may_enter():
            if self.order.complete:
                self.note_key("⏎")
                self._commit()
            elif self.order.names_best_and_worst:
                self.note_key("⏎")
                self._become(self.order.best_and_worst())
            else:
                enter = self.key("group.enter", "Enter")
                self.refuse("digits, best to worst; or best, worst and {key}", key=enter)

    def action_shift(self, by: int) -> None:
        if not self.may_enter():
            return
        if not self.order.ranks[self.current]:
            self.refuse("{place} has no place yet: its digit gives it one", place=self.current + 1)
            return
        self.note_key("[" if by < 0 else "]")
        self._become(self.order.shift(self.current, by))

    def action_move(self, by: int) -> None:
        if self.open:
            self.current = min(max(self.current + by, 0), len(self.order.ranks) - 1)
            self._mark()

    def on_card_chosen(self, message: Card.Chosen) -> None:
        if self.open:
            self.current = message.place
            self._mark()

    def hints(self) -> str:
        whole = self.order.ranks and self.order.complete and self.open
        size = len(self.order.ranks) or self.info.config.group_size
        tie = self.key("rank.tie", "=")
        parts = (
            self.tr("{key} keep", key=self.key("group.enter", "⏎")) if whole else "",
            self.tr("1-{size} best → worst  {tie} tie", size=size, tie=tie),
            self.common_hints(self.card_hint() if size > FITTING else "", self.more_hint()),
        )
        return "  ".join(part for part in parts if part)

    def first_keys(self) -> str:
        return self.tr("best to worst, {keys}", keys=self.common_first_keys())

    def help_title(self) -> Sentence:
        return Sentence("Ranking")

    def help_keys(self) -> tuple[Key, ...]:
        return RANK

    def _become(self, order: Order) -> None:
        before, self.order = self.order, order
        if order.entries != before.entries:
            self.draft()
        self._mark()
        if order.complete and not before.complete:
            self._commit()
        elif order.complete != before.complete:
            self.show_hints()

    def _commit(self) -> None:
        self.judge(Ranking(self._by_completion()))

    def _by_completion(self) -> tuple[int | None, ...]:
        """(k,) in the order of the group."""
        shown = self.desk.shown if self.desk is not None else ()
        by_index = dict(zip(shown, self.order.ranks, strict=True))
        return tuple(by_index[index] or None for index in range(len(shown)))

    def _mark(self) -> None:
        for card in self.cards[: len(self.order.ranks)]:
            rank = self.order.ranks[card.place]
            box = own((f"[ {rank}. ]", "bold $score")) if rank else own("[    ]")
            current = card.place == self.current
            card.mark(box, current=current, scored=bool(rank), wrong=False)
        if self.order.ranks:
            self.current_card().scroll_visible(animate=False)

"""Scoring: a digit a card."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType
from textual.content import Content

from hitl.operator import Desk
from hitl.records import Scores
from hitl.scale import Scale
from hitl.tui.content import own
from hitl.tui.keymap import SCORE, Key, bindings
from hitl.tui.scoring import Sheet
from hitl.tui.screens.judging import JudgingScreen
from hitl.tui.widgets.card import Card


class ScoreScreen(JudgingScreen):
    """One number a completion."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(SCORE)]

    sheet = Sheet.blank(Scale(1, 5), 0)

    @property
    def scale(self) -> Scale:
        return Scale.parse(self.info.config.scale)

    def take(self, desk: Desk) -> None:
        if desk.draft is not None and any(desk.draft.entries):
            texts = tuple(desk.draft.entries[i] for i in desk.shown)
            self.sheet = Sheet.restored(self.scale, texts)
        else:
            self.sheet = Sheet.blank(self.scale, len(desk.shown))
        self._mark()

    def came_again(self) -> None:
        if self.sheet.send:
            self._commit()

    def untouched(self) -> bool:
        return self.sheet.untouched

    def erase(self) -> None:
        self.note_key("⌫")
        self._become(self.sheet.erase())

    def current_card(self) -> Card:
        return self.cards[self.sheet.current]

    def action_type(self, character: str) -> None:
        if self.may_enter():
            self.note_key(character)
            self._become(self.sheet.type(character))

    def action_enter(self) -> None:
        if self.open and self.may_enter():
            if not self.sheet.untouched:
                self.note_key("⏎")
            self._become(self.sheet.enter())

    def action_move(self, by: int) -> None:
        if self.open:
            self._become(self.sheet.move(by))

    def on_card_chosen(self, message: Card.Chosen) -> None:
        if self.open:
            self._become(self.sheet.go(message.place))

    def hints(self) -> str:
        keep = "⏎ keep  " if self.sheet.texts and self.sheet.complete and self.open else ""
        low, high = self.scale.low, self.scale.high
        one_key = low >= 0 and high <= 9
        typed = "" if one_key else "⏎ ends a number  "
        return (
            f"{keep}{self.scale} score  {typed}␣ skip  ⌫ undo  ↑↓ card  r resample  "
            "PgDn more  q quit  ? help"
        )

    def help_title(self) -> str:
        return "Scoring"

    def help_keys(self) -> tuple[Key, ...]:
        return SCORE

    def _become(self, sheet: Sheet) -> None:
        before, self.sheet = self.sheet, sheet
        if sheet.texts != before.texts:
            self.draft(sheet.texts)
        if sheet.error:
            self.refuse(sheet.error)
        elif before.error:
            self.say(Content(""))
        self._mark()
        if sheet.send:
            self._commit()
        elif sheet.complete != before.complete:
            self.show_hints()

    def _commit(self) -> None:
        """Sends the group; if the session is away saving, it goes when the session is back."""
        if self.desk is None:
            return
        values: list[float | None] = [None] * len(self.desk.group.completions)
        for index, value in zip(self.desk.shown, self.sheet.values, strict=True):
            values[index] = value
        self.judge(Scores(tuple(values)))

    def _mark(self) -> None:
        sheet = self.sheet
        for card in self.cards[: len(sheet.texts)]:
            place = card.place
            current = place == sheet.current
            text = sheet.texts[place]
            scored = sheet.scored[place]
            wrong = current and bool(sheet.error) and not scored
            if scored:
                box = own((f"[ {text} ]", "bold $score"))
            elif text:
                box = own((f"[ {text}▏]", "bold $error" if wrong else "bold"))
            else:
                box = own("[ _ ]" if current else "[   ]")
            card.mark(box, current=current, scored=scored, wrong=wrong)
        if sheet.texts:
            self.current_card().scroll_visible(animate=False)

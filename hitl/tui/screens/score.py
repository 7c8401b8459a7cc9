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
from hitl.tui.screens.asides import Asides
from hitl.tui.widgets.card import Card
from hitl.wording import Sentence


class ScoreScreen(Asides):
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
        super().came_again()
        if self.sheet.send:
            self._commit()

    def entries(self) -> tuple[str, ...]:
        return self.sheet.texts

    def given(self) -> Scores | None:
        values = self._by_completion()
        return Scores(values) if any(v is not None for v in values) else None

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
        low, high = self.scale.low, self.scale.high
        one_key = low >= 0 and high <= 9
        whole = self.sheet.texts and self.sheet.complete and self.open
        parts = (
            self.tr("{key} keep", key=self.key("group.enter", "⏎")) if whole else "",
            self.tr("{scale} score", scale=self.scale),
            "" if one_key else self.tr("{key} ends a number", key=self.key("group.enter", "⏎")),
            self.common_hints(self.card_hint(), self.more_hint()),
        )
        return "  ".join(part for part in parts if part)

    def first_keys(self) -> str:
        return self.tr("{scale} scores, {keys}", scale=self.scale, keys=self.common_first_keys())

    def help_title(self) -> Sentence:
        return Sentence("Scoring")

    def help_keys(self) -> tuple[Key, ...]:
        return SCORE

    def _become(self, sheet: Sheet) -> None:
        before, self.sheet = self.sheet, sheet
        if sheet.texts != before.texts:
            self.draft()
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
        self.judge(Scores(self._by_completion()))

    def _by_completion(self) -> tuple[float | None, ...]:
        """(k,) in the order of the group."""
        shown = self.desk.shown if self.desk is not None else ()
        sheet = self.sheet
        by_place = (
            float(text) if scored else None
            for text, scored in zip(sheet.texts, sheet.scored, strict=True)
        )
        by_index = dict(zip(shown, by_place, strict=True))
        return tuple(by_index[index] for index in range(len(shown)))

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

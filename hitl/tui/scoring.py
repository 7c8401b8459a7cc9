"""Keys into scores: what is on the cards while a group is scored. Pure.

The rule that keeps one key for the common case:

- A digit scores the current card and goes on, unless it can begin a longer whole number of the
  scale (the 1 of 0-10): then it waits for the next digit. `10` makes ten; any digit that makes no
  number of the scale leaves 1 on this card and goes to the next one; Enter ends it too.
- A number that began with a sign follows the same rule, but -0 waits for its decimals.
- A point right after a scored digit continues that number (`4` `.` `5` Enter). On the last card,
  where the digit has already sent the group, begin with + instead: `+` `4` `.` `5` Enter.
- Once there is a point (or a +), Enter ends the number. A sign or a point alone is none: a slip
  must not count as 0.
- What is not on the scale stays on the card, with the range; the next digit replaces it.
- The last digit sends the group. Scales with fewer than four whole numbers (-1..1) are for
  decimals: there Enter sends it. After an undo, when all cards have scores, Enter sends it too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TypeVar

from hitl.scale import Scale
from hitl.wording import Sentence

LONGEST = 8
T = TypeVar("T")
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)")
_POINT = re.compile(r"[-+]?\.")
_WHOLE = re.compile(r"-?\d+")


@dataclass(frozen=True, slots=True)
class Sheet:
    """The entries of a group, by place on the screen."""

    scale: Scale
    texts: tuple[str, ...]
    """What stands on each card."""
    scored: tuple[bool, ...]
    """Whether it counts; a number being typed, or off the scale, does not yet."""
    current: int = 0
    history: tuple[int, ...] = ()
    """Places in the order they were scored, for Backspace."""
    fresh: bool = False
    """The last key was a digit that scored: a point continues that number."""
    error: Sentence | None = None
    send: bool = False
    """The group is complete and is to be sent."""

    @classmethod
    def blank(cls, scale: Scale, places: int) -> Sheet:
        return cls(scale, ("",) * places, (False,) * places)

    @classmethod
    def restored(cls, scale: Scale, texts: tuple[str, ...]) -> Sheet:
        """From a draft: numbers of the scale count, anything else is half typed."""
        scored = tuple(_on_scale(scale, t) is not None and t[-1] != "." for t in texts)
        history = tuple(place for place, done in enumerate(scored) if done)
        open_places = [place for place, done in enumerate(scored) if not done]
        current = open_places[0] if open_places else max(len(texts) - 1, 0)
        return cls(scale, texts, scored, current, history)

    @property
    def complete(self) -> bool:
        return all(self.scored)

    @property
    def untouched(self) -> bool:
        return not any(self.texts)

    @property
    def values(self) -> tuple[float, ...]:
        """(k,) scores by place; only of a complete sheet."""
        return tuple(float(text) for text in self.texts)

    def move(self, by: int) -> Sheet:
        """Makes a card up or down the current one; a number in the making is scored if it can
        be."""
        return self.go(min(max(self.current + by, 0), len(self.texts) - 1))

    def go(self, place: int) -> Sheet:
        """Makes the card at `place` the current one."""
        sheet = self._settle()
        return replace(sheet, current=place, fresh=False, error=None, send=False)

    def type(self, character: str) -> Sheet:
        """A digit, a sign or a point."""
        sheet = replace(self, error=None, send=False, fresh=False)
        if character.isdigit():
            return sheet._digit(character)
        if character == ".":
            return sheet._point(self.fresh)
        return sheet._put(character)

    def enter(self) -> Sheet:
        """Ends the number on the current card; sends the group if it is complete."""
        sheet = replace(self, error=None, send=False, fresh=False)
        text = sheet.texts[sheet.current]
        if text and not sheet.scored[sheet.current]:
            return sheet._score(text)
        if sheet.complete:
            return replace(sheet, send=True)
        missing = sheet._next_open()
        said = Sentence("{place} has no score yet", place=missing + 1) if text else None
        return replace(sheet, current=missing, error=said)

    def erase(self) -> Sheet:
        """Takes back the last entry. Not to be asked of an untouched sheet."""
        sheet = replace(self, error=None, send=False, fresh=False)
        text = sheet.texts[sheet.current]
        if text and not sheet.scored[sheet.current]:
            return sheet._put_whole(text[:-1])
        if sheet.history:
            *before, last = sheet.history
            return replace(sheet, history=tuple(before), current=last)._put_whole("")
        half_typed = next((p for p, t in enumerate(sheet.texts) if t), sheet.current)
        return replace(sheet, current=half_typed)._put_whole("")

    # -- the rule ---------------------------------------------------------------------------

    def _digit(self, digit: str) -> Sheet:
        text = "" if self.scored[self.current] else self.texts[self.current]
        if text and not _may_become(self.scale, text):
            text = ""  # off the scale: replaced
        longer = text + digit
        if not _WHOLE.fullmatch(longer):
            return self._put_whole(longer)
        value = _on_scale(self.scale, longer)
        if _longer_whole(self.scale, longer) or (longer.startswith("-0") and value is not None):
            return self._put_whole(longer)
        if value is not None:
            return replace(self._score(longer, by_digit=True), fresh=True)
        last = self.current == len(self.texts) - 1
        if text and _on_scale(self.scale, text) is not None and not last:
            return self._score(text)._digit(digit)
        return self._put_whole(longer)._judge_open()

    def _point(self, fresh: bool) -> Sheet:
        sheet = self
        if fresh and sheet.history and not sheet.texts[sheet.current]:
            sheet = replace(sheet, current=sheet.history[-1])
        text = sheet.texts[sheet.current]
        if "." in text:
            return sheet
        return sheet._put_whole(text + ".")._judge_open()

    def _put(self, sign: str) -> Sheet:
        text = self.texts[self.current]
        if not text or self.scored[self.current] or not _may_become(self.scale, text):
            return self._put_whole(sign)
        return self

    def _judge_open(self) -> Sheet:
        text = self.texts[self.current]
        if _may_become(self.scale, text):
            return self
        return replace(self, error=_off_scale(text, self.scale))

    def _put_whole(self, text: str) -> Sheet:
        if len(text) > LONGEST:
            return replace(self, error=Sentence("that is as long as a number can be"))
        place = self.current
        return replace(
            self,
            texts=_with(self.texts, place, text),
            scored=_with(self.scored, place, False),
            history=tuple(p for p in self.history if p != place),
        )

    def _score(self, text: str, *, by_digit: bool = False) -> Sheet:
        value = _on_scale(self.scale, text)
        if value is None:
            number = _NUMBER.fullmatch(text)
            return replace(self, error=(_off_scale if number else _no_number)(text, self.scale))
        was_complete = self.complete
        sheet = self._put_whole(f"{value:g}")
        place = sheet.current
        sheet = replace(
            sheet, scored=_with(sheet.scored, place, True), history=(*sheet.history, place)
        )
        if sheet.complete:
            send = not was_complete and not (by_digit and _for_decimals(self.scale))
            following = min(place + 1, len(sheet.texts) - 1) if was_complete else place
            return replace(sheet, current=following, send=send)
        return replace(sheet, current=sheet._next_open())

    def _settle(self) -> Sheet:
        text = self.texts[self.current]
        if not text or self.scored[self.current] or _on_scale(self.scale, text) is None:
            return self
        return replace(self._score(text), send=False)

    def _next_open(self) -> int:
        order = [*range(self.current, len(self.texts)), *range(self.current)]
        return next((p for p in order if not self.scored[p]), self.current)


def _off_scale(text: str, scale: Scale) -> Sentence:
    return Sentence("{text} is not on the scale {scale}", text=text, scale=scale)


def _no_number(text: str, scale: Scale) -> Sentence:
    return Sentence("{text} is no number: type one on the scale {scale}", text=text, scale=scale)


def _with(values: tuple[T, ...], place: int, value: T) -> tuple[T, ...]:
    return (*values[:place], value, *values[place + 1 :])


def _on_scale(scale: Scale, text: str) -> float | None:
    if not _NUMBER.fullmatch(text):
        return None
    try:
        return scale.check(float(text))
    except ValueError:
        return None


def _for_decimals(scale: Scale) -> bool:
    return scale.high - scale.low < 3


def _longer_whole(scale: Scale, text: str) -> bool:
    """Whether digits put after the whole number `text` can give another one of the scale."""
    value = abs(int(text))
    if value == 0:
        return False
    low, high = value * 10, value * 10 + 9
    while len(str(low)) <= LONGEST:
        first, last = (-high, -low) if text.startswith("-") else (low, high)
        if first <= scale.high and last >= scale.low and _whole_between(scale, first, last):
            return True
        low, high = low * 10, high * 10 + 9
    return False


def _whole_between(scale: Scale, first: int, last: int) -> bool:
    low = max(first, -int(-scale.low // 1))  # ceiling
    return low <= min(last, int(scale.high // 1))


def _may_become(scale: Scale, text: str) -> bool:
    """Whether `text` is the beginning of some number of the scale."""
    if text in ("+", "-"):
        return text == "+" or scale.low < 0
    if _on_scale(scale, text) is not None:
        return True
    if _POINT.fullmatch(text):
        return _may_become(scale, text[:-1] + "0.")
    if not _NUMBER.fullmatch(text):
        return False
    if _WHOLE.fullmatch(text) and _longer_whole(scale, text):
        return True
    size = abs(float(text))
    decimals = len(text.partition(".")[2])
    step = 10.0**-decimals
    low, high = (-size - step, -size) if text.startswith("-") else (size, size + step)
    return low < scale.high and high > scale.low

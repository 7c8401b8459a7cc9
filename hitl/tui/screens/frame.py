"""The frame around what is judged: status, prompt, cards, rail and the lines at the bottom.

It shows what the session tells and knows no key.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import Resize
from textual.screen import Screen

from hitl.config.session import SessionConfig
from hitl.errors import HitlError
from hitl.operator import (
    Event,
    Judged,
    Notice,
    Partial,
    Progress,
    Rejudged,
    Undone,
    Updated,
    Waiting,
)
from hitl.records import Edit, Judgement, Scores, Skip, UpdateStats
from hitl.tui.content import foreign, own
from hitl.tui.heard import Heard
from hitl.tui.hints import fitting
from hitl.tui.translated import Translated
from hitl.tui.widgets.card import Card
from hitl.tui.widgets.cards import Cards
from hitl.tui.widgets.line import Line
from hitl.tui.widgets.prompt import PromptLine, WaitingPanel
from hitl.tui.widgets.status import LastLine, Rail, Status, StatusLine, age
from hitl.tui.words import describe

PATIENCE = 0.15
"""Seconds before a wait is shown in the cards' place; shorter ones would only flicker."""

ROWS_LEAST, ROWS_MOST = 4, 8
"""Rows of a card with its frame."""

WIDE = 100
"""Columns from which the rail is shown."""

Until = Literal["", "key", "group"]
"""What takes a line away: only another one, the next key that is taken, or the next group."""

HUGE = 150, 40
"""Columns and rows from which cards stand side by side: a line of 170 characters is hard to
read, and a card of two lines a waste of the rest."""


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """The run on the screen."""

    run: str
    config: SessionConfig
    policy_label: str
    version: int
    updates: Sequence[UpdateStats] = ()
    """Those the run has had, for the figures and sparklines of a resumed run."""
    folder: Path | None = None
    """The run's folder, for the screens that look into its journal; None where there is none."""
    checkpoint_age: float | None = None
    """Seconds since the newest checkpoint was written; None without one."""

    @property
    def has_reward(self) -> bool:
        """Whether the mean reward of an update says anything: that of ranks is always 0."""
        return self.config.mode != "rank"


class Frame(Translated, Screen[None]):
    """What every judging screen has around its group."""

    AUTO_FOCUS = ""

    def __init__(self, info: SessionInfo, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.info = info
        self._clock = clock
        status = Status(
            info.run,
            info.policy_label,
            info.version,
            batch_size=None if info.config.label_only else info.config.batch_size,
        )
        self.heard = Heard(status, info.updates, clock, info.checkpoint_age)
        self._had_a_group = False
        self._said_until: Until = ""

    def compose(self) -> ComposeResult:
        yield StatusLine(self.heard.status)
        yield PromptLine()
        with Horizontal(id="middle"):
            with Cards(id="cards", can_focus=False):
                for place in range(self.info.config.group_size):
                    yield Card(place)
            yield WaitingPanel()
            yield Rail()
        with Vertical(id="foot"):
            yield LastLine()
            yield Line(id="notice")
            yield Line(id="hints")

    def on_mount(self) -> None:
        self.set_interval(0.5, self._tick)
        self._show_waiting()
        self.show_hints()
        self._show_figures()
        self._show_rail()
        hint = self._screen_keys() if self.info.version else self.first_keys()
        self.say(own((hint, "$frame-text")))

    def on_resize(self, event: Resize) -> None:
        self.set_class(event.size.width >= WIDE, "-wide")
        self.set_class(event.size.width >= HUGE[0] and event.size.height >= HUGE[1], "-huge")
        self.show_hints()

    def on_cards_resized(self) -> None:
        self.size_cards()
        for card in self.cards:  # their own heights may be as before
            card.stay_in_view()

    @property
    def cards(self) -> list[Card]:
        return list(self.query(Card))

    @property
    def waiting(self) -> bool:
        """Whether the panel stands in the cards' place."""
        return self.has_class("-waiting")

    def happened(self, event: Event) -> None:
        """The session tells something."""
        self.heard.told(event)
        match event:
            case Partial():
                self._show_partial(event)
                return
            case Progress():  # many a second: what does not depend on it is left alone
                if self.waiting:
                    self._show_waiting()
                self._show_status()
                return
            case Waiting():
                self.set_class(False, "-streaming")
                self._show_waiting()
            case Judged():
                self._say_kept(event)
            case Rejudged():
                self.say(
                    own(self.tr("seen before: kept to tell how steady you are, not learned from"))
                )
            case Undone(judgement):
                self._say_undone(judgement)
            case Notice(text, "info"):  # mostly the answer to a key
                self.say(foreign(self.tr.said(text)), "key")
            case Updated(stats):
                self._say_updated(stats)
                self._show_figures()
        self._show_notice()
        self._show_status()
        self._show_rail()

    def show_group(self) -> None:
        """The cards take the panel's place."""
        self._had_a_group = True
        self.set_class(False, "-waiting")
        self.set_class(False, "-streaming")
        self._show_status()

    def size_cards(self) -> None:
        """Cards of one height: uneven ones would be restless. What is left over stays blank."""
        shown = [card for card in self.cards if card.display]
        box = self.query_one(Cards)
        if shown and box.size:  # without a place it will say when it has one
            box.styles.grid_size_columns = columns(len(shown))
            for card in shown:
                card.styles.height = self.card_height(box.size.height, len(shown))

    def card_height(self, room: int, shown: int) -> int | str:
        """Rows of a card with its frame, or what a style takes, in a box of `room` rows."""
        if self.has_class("-huge"):
            return "1fr"
        return max(ROWS_LEAST, min(ROWS_MOST, room // shown))

    def show_hints(self) -> None:
        width = max(self.size.width - 2, 1)
        told = fitting(self.hints(), width)
        self.query_one("#hints", Line).show(own((told, "$frame-text")).truncate(width))

    def hints(self) -> str:
        """The line of keys at the bottom."""
        raise NotImplementedError

    def first_keys(self) -> str:
        """The five keys that matter, for a run that has learned nothing yet."""
        raise NotImplementedError

    def _screen_keys(self) -> str:
        """The keys that the line at the bottom has no room for, for a run that goes on."""
        return self.tr(
            "{train} training, {data} data, {runs} runs, {blind} blind test, {help} every key",
            train=self.key("screen.train", "F3"),
            data=self.key("screen.data", "F4"),
            runs=self.key("screen.runs", "F5"),
            blind=self.key("screen.blind", "F6"),
            help=self.key("app.help", "?"),
        )

    def say(self, content: Content, until: Until = "") -> None:
        """On the last-action line."""
        self._said_until = until
        self.query_one(LastLine).show(content)

    def over(self, until: Until) -> None:
        """What was said only until now is taken away."""
        if self._said_until == until:
            self.say(Content(""))

    def refuse(self, why: str, /, **values: object) -> None:
        """Why a key did nothing: a message of the catalogue."""
        self.say(own((self.tr(why, **values), "$warning")), "key")

    def refuse_error(self, error: HitlError) -> None:
        """The same of what a check said."""
        self.say(own((self.tr.error(error), "$warning")), "key")

    def _tick(self) -> None:
        self._show_waiting()
        self._show_status()
        if self.has_class("-wide"):
            self._show_rail()

    def _show_status(self) -> None:
        self.query_one(StatusLine).show(self.heard.status)

    def _show_waiting(self) -> None:
        """Puts the panel in the cards' place, once the wait is long enough to be worth it."""
        if self.heard.waiting is None:
            return
        reason, since = self.heard.waiting
        seconds = self._clock() - since
        if seconds < PATIENCE and self._had_a_group:
            self.set_timer(PATIENCE, self._show_waiting)
            return
        self.set_class(True, "-waiting")
        if reason != "sample":
            self.set_class(False, "-streaming")
        if not self.has_class("-streaming"):
            self.query_one(PromptLine).clear()
        status = self.heard.status
        stage = status.stage == reason
        self.query_one(WaitingPanel).show(
            reason,
            seconds,
            status.done if stage else 0,
            status.total if stage else 0,
            self.heard.left,
        )

    def _show_partial(self, partial: Partial) -> None:
        """The completions as they grow, in the panel's place. Not a group yet: `waiting` holds."""
        if self.heard.waiting is None or not self.waiting:
            return
        cards = self.cards[: len(partial.texts)]
        if not self.has_class("-streaming"):
            self.set_class(True, "-streaming")
            self.query_one(PromptLine).show(partial.group[0], partial.prompt)
            for card in self.cards:
                card.display = card in cards
                card.blank()
            # At once: the group may be there before the next refresh, with another card to be seen.
            self.query_one(Cards).scroll_home(animate=False, immediate=True)
            self.size_cards()
        for card, text in zip(cards, partial.texts, strict=True):
            card.grow(text)

    def _show_rail(self) -> None:
        heard = self.heard
        self.query_one(Rail).show(
            [u.reward for u in heard.updates] if self.info.has_reward else None,
            [u.sequence_kl for u in heard.updates],
            [describe(j.verdict, j.shown, self.tr) for j in heard.recent],
            heard.pace(self.tr),
        )

    def _show_figures(self) -> None:
        if self.heard.updates:
            stats = self.heard.updates[-1]
            kl = f"{stats.sequence_kl:.2f}", "$accent"
            self.query_one(LastLine).figures(
                own(
                    (self.tr("reward") + " ", "$frame-text"),
                    (f"{stats.reward:.2f}", "$success"),
                    ("  KL ", "$frame-text"),
                    kl,
                )
                if self.info.has_reward
                else own(("KL ", "$frame-text"), kl)
            )

    def _show_notice(self) -> None:
        line = self.query_one("#notice", Line)
        notices = self.heard.notices
        # In the place of the hints, which are known by heart, so that the cards do not move.
        self.query_one("#hints").display = not notices
        line.display = bool(notices)
        if not notices:
            return
        last = notices[-1]
        mark, style = ("× ", "$error") if last.level == "error" else ("! ", "$warning")
        more = len(notices) - 1
        line.show(
            own(
                (mark, style),
                foreign(self.tr.said(last.text), style),
                (f"  (+{more})" if more else "", "$frame-text"),
            )
        )

    def _say_kept(self, event: Judged) -> None:
        judgement = event.judgement
        words = describe(judgement.verdict, judgement.shown, self.tr)
        reward = ""
        if not isinstance(judgement.verdict, Scores | Skip):
            order = judgement.shown or range(len(event.rewards))
            rewards = [event.rewards[i] for i in order]
            if not all(map(math.isnan, rewards)):
                reward = " → " + " ".join(map(_signed, rewards))
        undo = "   " + self.tr("{key} to undo", key=self.key("group.undo", "⌫"))
        self.say(own(self.tr("last: "), (words + reward, "bold"), (undo, "$frame-text")))

    def _say_undone(self, judgement: Judgement) -> None:
        if isinstance(judgement.verdict, Edit):  # nothing on the cards shows it
            e = self.key("group.edit", "e")
            self.say(own(self.tr("undone: the group is back, {key} goes on with your text", key=e)))
        else:
            self.say(own(self.tr("undone: the group is back")))

    def _say_updated(self, stats: UpdateStats) -> None:
        if not self.info.has_reward:
            figures = {"number": stats.number, "kl": stats.sequence_kl, "time": age(stats.seconds)}
            self.say(own(self.tr("update {number}: KL {kl:.2f}, {time}", **figures)))
            return
        self.say(
            own(
                self.tr(
                    "update {number}: mean reward {reward:.2f}, KL {kl:.2f}, {time}",
                    number=stats.number,
                    reward=stats.reward,
                    kl=stats.sequence_kl,
                    time=age(stats.seconds),
                )
            )
        )


def _signed(reward: float) -> str:
    return "·" if math.isnan(reward) else f"{reward:+.2g}" if reward else "0"


def columns(cards: int) -> int:
    """Side by side in a huge terminal: as few holes as can be, and none of less than 50 cells."""
    return cards if cards <= 3 else 2 if cards == 4 else 3

"""What scoring, ranking and comparing share: the frame, the group on the cards, the commands.

A label counts as kept only when the session says so (`Judged`); until then the cards are dimmed
and the last line says "keeping". Keys in between:

- commands (undo, skip of nothing, save, quit) are queued and taken by the next `judge`;
- entries are never carried over to a group that was not on the screen when the key was pressed:
  they are refused in words. While the same group is still there (after Ctrl+S), they count.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.events import Key as KeyEvent
from textual.events import Paste, Resize
from textual.screen import Screen

from hitl.config.session import SessionConfig
from hitl.operator import (
    Desk,
    Draft,
    Event,
    Judged,
    Notice,
    Progress,
    Quit,
    Reply,
    Resample,
    Save,
    Saved,
    Undo,
    Undone,
    Updated,
    Waiting,
)
from hitl.records import Judgement, Ranking, Scores, Skip, UpdateStats, Verdict
from hitl.tui.content import foreign, own
from hitl.tui.keymap import Key
from hitl.tui.screens.help import HelpScreen
from hitl.tui.widgets.card import Card
from hitl.tui.widgets.line import Line
from hitl.tui.widgets.prompt import PromptLine, WaitingPanel
from hitl.tui.widgets.status import LastLine, Rail, Status, StatusLine, age

PATIENCE = 0.15
"""Seconds before a wait is shown in the cards' place; shorter ones would only flicker."""

ROWS_LEAST, ROWS_MOST = 4, 8
"""Rows of a card with its frame."""

NOTICE_SECONDS = 20.0
"""A notice stays at least so long, and until another group is judged."""


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """The run on the screen."""

    run: str
    config: SessionConfig
    policy_label: str
    version: int
    updates: Sequence[UpdateStats] = ()
    """Those the run has had, for the figures and sparklines of a resumed run."""


class JudgingScreen(Screen[None]):
    """The frame around a group. Subclasses own the entries: see the hooks at the end."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(
        self,
        info: SessionInfo,
        reply: Callable[[Reply], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.info = info
        self._send = reply
        self._clock = clock
        self._status = Status(
            info.run, info.policy_label, info.version, batch_size=info.config.batch_size
        )
        self.desk: Desk | None = None
        """The group on the cards, also while its reply is on the way."""
        self._desks = 0
        """Times the session asked. Each takes one reply off the queue, in order, so"""
        self._replies = 0
        """it waits for one exactly when there were fewer replies than desks."""
        self._judged: Judgement | None = None
        """Sent, and not yet known to be kept."""
        self._came = 0.0
        self.keys = ""
        self._waiting: tuple[str, float] | None = ("load", clock())
        self._stage_since: tuple[str, float, int] | None = None
        self._saved_at: float | None = None
        self._save_asked = False
        self._quitting = False
        self._updates: list[UpdateStats] = list(info.updates)
        self._recent: list[str] = []
        self._paced: list[tuple[float, int]] = []
        self._notices: list[tuple[float, str, str]] = []

    # -- the frame --------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        yield StatusLine(self._status)
        yield PromptLine()
        with Horizontal(id="middle"):
            with VerticalScroll(id="cards", can_focus=False):
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
        self._show_hints()
        self._show_figures()
        self._show_rail()
        self.say(own(("? shows every key", "$frame-text")))

    def on_resize(self, event: Resize) -> None:
        self.set_class(event.size.width >= 100, "-wide")
        self._show_hints()
        self.call_after_refresh(self._size_cards)

    def _size_cards(self) -> None:
        """Cards of one height: uneven ones would be restless. What is left over stays blank."""
        shown = [card for card in self.cards if card.display]
        room = self.query_one("#cards").size.height
        if shown and room:
            height = max(ROWS_LEAST, min(ROWS_MOST, room // len(shown)))
            for card in shown:
                card.styles.height = height

    def _tick(self) -> None:
        if self._waiting is not None:
            self._show_waiting()
        self._show_status()
        if self.has_class("-wide"):
            self._show_rail()

    def _show_status(self) -> None:
        now = self._clock()
        eta = None
        if self._stage_since is not None and self._status.total:
            _, since, first = self._stage_since
            done = self._status.done - first
            if done > 0:
                eta = (now - since) / done * (self._status.total - self._status.done)
        saved = None if self._saved_at is None else now - self._saved_at
        self.query_one(StatusLine).show(replace(self._status, eta=eta, saved_age=saved))

    def _show_waiting(self) -> None:
        """Puts the panel in the cards' place, once the wait is long enough to be worth it."""
        if self._waiting is None:
            return
        reason, since = self._waiting
        seconds = self._clock() - since
        never_had_a_group = self.desk is None
        if seconds < PATIENCE and not never_had_a_group:
            self.set_timer(PATIENCE, self._show_waiting)
            return
        self.set_class(True, "-waiting")
        self.query_one(PromptLine).clear()
        stage = self._status.stage == reason
        self.query_one(WaitingPanel).show(
            reason,
            seconds,
            self._status.done if stage else 0,
            self._status.total if stage else 0,
        )

    def _show_rail(self) -> None:
        self.query_one(Rail).show(
            [u.reward for u in self._updates],
            [u.sequence_kl for u in self._updates],
            self._recent,
            self._pace(),
        )

    def _show_figures(self) -> None:
        if self._updates:
            stats = self._updates[-1]
            self.query_one(LastLine).figures(
                own(
                    ("reward ", "$frame-text"),
                    (f"{stats.reward:.2f}", "$success"),
                    ("  KL ", "$frame-text"),
                    (f"{stats.sequence_kl:.2f}", "$accent"),
                )
            )

    def _pace(self) -> str:
        if not self._paced:
            return ""
        total = sum(labels for _, labels in self._paced)
        seconds = sum(seconds for seconds, _ in self._paced[-20:])
        labels = sum(labels for _, labels in self._paced[-20:])
        a_minute = f"{60 * labels / seconds:.0f} labels/min · " if seconds > 0 else ""
        return f"{a_minute}{total} labels"

    def _show_hints(self) -> None:
        self.query_one("#hints", Line).show(
            own((self.hints(), "$frame-text")).truncate(max(self.size.width - 2, 1))
        )

    def say(self, content: Content) -> None:
        """On the last-action line."""
        self.query_one(LastLine).show(content)

    def refuse(self, why: str) -> None:
        """Why a key did nothing, in our own words."""
        self.say(own((why, "$warning")))

    def _show_notice(self) -> None:
        line = self.query_one("#notice", Line)
        # In the place of the hints, which are known by heart, so that the cards do not move.
        self.query_one("#hints").display = not self._notices
        line.display = bool(self._notices)
        if not self._notices:
            return
        _, text, level = self._notices[-1]
        style = {"warning": "$warning", "error": "$error"}.get(level, "$accent")
        mark = {"warning": "! ", "error": "× "}.get(level, "· ")
        more = len(self._notices) - 1
        line.show(
            own(
                (mark, style), foreign(text, style), (f"  (+{more})" if more else "", "$frame-text")
            )
        )

    def _drop_old_notices(self) -> None:
        now = self._clock()
        self._notices = [n for n in self._notices if now - n[0] < NOTICE_SECONDS]
        self._show_notice()

    # -- the session's side -----------------------------------------------------------------

    def lay(self, desk: Desk) -> None:
        """The session asks about a group."""
        again = self.desk is not None and self.desk.group.key == desk.group.key
        # After a save the same group comes again. What is on the cards is newer than its draft.
        keep_entries = again and self._judged is None and not self.has_class("-waiting")
        self.desk = desk
        self._desks += 1
        self._judged = None
        self._waiting = None
        self.set_class(False, "-waiting")
        self.set_class(False, "-kept")
        if self._status.stage == "load":
            self._status = replace(self._status, stage="", done=0, total=0)
        self._status = replace(
            self._status,
            ready=desk.ready,
            batch_labels=desk.batch_labels,
            batch_size=desk.batch_size,
        )
        self._show_status()
        if keep_entries:
            self.came_again()
            return
        self._came = self._clock()
        self.keys = ""
        self.query_one(PromptLine).show(desk.group.prompt.number, desk.group.prompt.text)
        cards = self.cards
        for place, index in enumerate(desk.shown[: len(cards)]):
            completion = desk.group.completions[index]
            cards[place].show(completion.text, len(completion.token_ids), completion.finished)
        for card in cards:
            card.display = card.place < len(desk.shown)
        self.take(desk)
        self._show_hints()
        self.call_after_refresh(self._size_cards)

    def happened(self, event: Event) -> None:
        """The session tells something."""
        match event:
            case Waiting(reason):
                if self._waiting is None or self._waiting[0] != reason:
                    self._waiting = (reason, self._clock())
                    self._show_waiting()
            case Progress(stage, done, total):
                self._progress(stage, done, total)
            case Judged():
                self._kept(event)
            case Undone(_, batch_labels):
                self._status = replace(self._status, batch_labels=batch_labels)
                if self._recent:
                    self._recent.pop()
                if self._paced:
                    self._paced.pop()
                self.say(own("undone: the group is back"))
            case Updated(stats):
                self._updated(stats)
            case Saved():
                self._saved_at = self._clock()
                if self._save_asked and not self._quitting:
                    self.say(own("saved"))
                self._save_asked = False
                self._progress("save", 1, 1)
            case Notice(text, level):
                self._notices.append((self._clock(), text, level))
                self._show_notice()
        self._show_status()
        self._show_rail()

    def _progress(self, stage: str, done: int, total: int) -> None:
        if total > 0 and done >= total:
            if self._status.stage in ("", stage):
                self._status = replace(self._status, stage="", done=0, total=0)
                self._stage_since = None
        else:
            if self._stage_since is None or self._stage_since[0] != stage:
                self._stage_since = (stage, self._clock(), done)
            self._status = replace(self._status, stage=stage, done=done, total=total)
        if self.has_class("-waiting"):
            self._show_waiting()

    def _kept(self, event: Judged) -> None:
        self._status = replace(self._status, batch_labels=event.batch_labels)
        judgement = event.judgement
        words = describe(judgement.verdict, judgement.shown)
        self._recent.append(words)
        self._paced.append((judgement.seconds, judgement.labels))
        self._drop_old_notices()
        reward = ""
        if not isinstance(judgement.verdict, Scores | Skip):
            order = judgement.shown or range(len(event.rewards))
            reward = " → " + " ".join(f"{event.rewards[i]:+.2g}" for i in order)
        self.say(own("last: ", (words + reward, "bold"), ("   ⌫ to undo", "$frame-text")))

    def _updated(self, stats: UpdateStats) -> None:
        self._updates.append(stats)
        self._status = replace(
            self._status, version=stats.number, batch_labels=0, stage="", done=0, total=0
        )
        self._stage_since = None
        self.say(
            own(
                ("update ", ""),
                (f"{stats.number}", "bold"),
                f": mean reward {stats.reward:.2f}, KL {stats.sequence_kl:.2f}, "
                f"{age(stats.seconds)}",
            )
        )
        self._show_figures()
        for text in stats.notices:
            self._notices.append((self._clock(), text, "warning"))
        self._show_notice()

    # -- the operator's side ----------------------------------------------------------------

    @property
    def cards(self) -> list[Card]:
        return list(self.query(Card))

    @property
    def open(self) -> bool:
        """Whether a group is on the cards and not yet judged."""
        return self.desk is not None and self._judged is None and not self.has_class("-waiting")

    def may_enter(self) -> bool:
        """Whether an entry has a group to go to; says so if not."""
        if self._quitting:
            self.refuse("saving: this key was not taken")
        elif not self.open:
            self.refuse("no new group yet: this key was not taken")
        return self.open and not self._quitting

    def note_key(self, raw: str) -> None:
        """Keeps the raw key for the judgement."""
        self.keys += raw

    def draft(self, entries: tuple[str, ...]) -> None:
        """Keeps the entries (by place) where a crash cannot take them."""
        if self.desk is None:
            return
        by_completion = [""] * len(self.desk.group.completions)
        for index, entry in zip(self.desk.shown, entries, strict=False):
            by_completion[index] = entry
        self.desk.save_draft(Draft(tuple(by_completion)))

    def judge(self, verdict: Verdict) -> bool:
        """Sends the judgement; False while the session has yet to come back for it."""
        if self.desk is None or not self._asked:
            return False
        self._judged = Judgement(
            group=self.desk.group.key,
            verdict=verdict,
            operator=self.info.config.operator_name,
            mode=self.desk.mode,
            seconds=round(self._clock() - self._came, 2),
            keys=self.keys,
            shown=self.desk.shown,
        )
        self.set_class(True, "-kept")
        self.say(own(("keeping …", "$frame-text")))
        self._reply(self._judged)
        return True

    def command(self, reply: Reply) -> None:
        """A reply that is no judgement: taken at once, or by the next `judge`. One at a time can
        wait, so that a key held down does not undo the whole session."""
        if self._replies > self._desks and not isinstance(reply, Quit):
            self.refuse("one moment: the last key is still being carried out")
            return
        self._reply(reply)

    def _reply(self, reply: Reply) -> None:
        self._replies += 1
        self._send(reply)

    @property
    def _asked(self) -> bool:
        """The session waits for a reply to the desk that is on the cards."""
        return self._replies < self._desks

    def action_skip(self) -> None:
        if self.may_enter():
            self.note_key(" ")
            if not self.judge(Skip()):
                self.refuse("saving: press Space again in a moment")

    def action_back(self) -> None:
        if self._quitting:
            return
        if self.open and not self.untouched():
            self.erase()
            return
        self.say(own(("taking the last judgement back …", "$frame-text")))
        self.command(Undo())

    def action_resample(self) -> None:
        if self.may_enter():
            if not self._asked:
                self.refuse("saving: press r again in a moment")
                return
            self.say(own(("other completions of the same prompt …", "$frame-text")))
            self.command(Resample())

    def action_save(self) -> None:
        if not self._quitting:
            self._save_asked = True
            self.say(own(("saving …", "$frame-text")))
            self.command(Save())

    def action_quit(self) -> None:
        """Once: a second q changes nothing, the session is on its way out."""
        if self._quitting:
            self.say(own("saving … (this ends by itself)"))
            return
        self._quitting = True
        self.say(own(("saving …", "bold"), ("  every label is kept", "$frame-text")))
        self.command(Quit())

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen(self.help_title(), self.help_keys()))

    def action_scroll_card(self, pages: int) -> None:
        if self.open:
            self.current_card().turn(pages)

    def on_key(self, event: KeyEvent) -> None:
        """Only keys without a binding come here."""
        if event.character and is_han(event.character):
            event.stop()
            self.refuse("a Chinese input method is on: switch it off to judge (digits still work)")

    def on_paste(self, event: Paste) -> None:
        event.stop()
        if any(is_han(c) for c in event.text):
            self.refuse("a Chinese input method is on: switch it off to judge (digits still work)")
        else:
            self.refuse("text cannot be pasted here: type the score")

    # -- hooks ------------------------------------------------------------------------------

    def hints(self) -> str:
        """The line of keys at the bottom."""
        raise NotImplementedError

    def help_title(self) -> str:
        raise NotImplementedError

    def help_keys(self) -> tuple[Key, ...]:
        raise NotImplementedError

    def take(self, desk: Desk) -> None:
        """Another group: lay the entries of its draft out, or empty ones."""
        raise NotImplementedError

    def came_again(self) -> None:
        """The same group with the entries it has; the session listens again."""

    def untouched(self) -> bool:
        """Whether nothing was entered for the group."""
        raise NotImplementedError

    def erase(self) -> None:
        """Takes back the last entry in the group."""
        raise NotImplementedError

    def current_card(self) -> Card:
        raise NotImplementedError


def describe(verdict: Verdict, shown: tuple[int, ...]) -> str:
    """A judgement in a few characters, in the order of the screen."""
    match verdict:
        case Scores(values):
            order = shown or range(len(values))
            return " ".join("·" if (v := values[i]) is None else f"{v:g}" for i in order)
        case Ranking(ranks):
            order = shown or range(len(ranks))
            places: dict[int, list[str]] = {}
            for place, i in enumerate(order):
                if (rank := ranks[i]) is not None:
                    places.setdefault(rank, []).append(str(place + 1))
            return " > ".join(" = ".join(places[rank]) for rank in sorted(places))
        case Skip():
            return "skipped"
        case _:
            return "edited"


def is_han(text: str) -> bool:
    """Whether there is a Chinese character in it, as an input method sends."""
    return any(
        "\u3400" <= c <= "\u9fff" or "\uf900" <= c <= "\ufaff" or "\U00020000" <= c <= "\U0003ffff"
        for c in text
    )

"""What scoring, ranking and comparing share: the group on the cards, and the commands.

A label counts as kept only when the session says so (`Judged`); until then the last line says
"keeping", and if it takes longer than a blink, the cards are dimmed. Keys in between:

- commands (undo, skip of nothing, save, quit) are queued and taken by the next `judge`;
- entries are never carried over to a group that was not on the screen when the key was pressed:
  they are refused in words. While the same group is still there (after Ctrl+S), they count.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import ClassVar

from textual.binding import BindingType
from textual.timer import Timer

from hitl.operator import (
    Desk,
    Draft,
    Event,
    Quit,
    Reply,
    Resample,
    Save,
    Saved,
    TakeBack,
    Undo,
    Undone,
)
from hitl.records import Judgement, Skip, Verdict
from hitl.tui.content import own
from hitl.tui.keymap import Key
from hitl.tui.screens.frame import Frame, SessionInfo
from hitl.tui.screens.help import HelpScreen
from hitl.tui.widgets.card import Card
from hitl.tui.widgets.cards import Cards
from hitl.tui.widgets.prompt import PromptLine
from hitl.tui.words import is_han
from hitl.wording import Sentence

BLINK = 0.1
"""Seconds; to dim the cards for less would flicker, and cost the next group its paint."""


@dataclass(frozen=True, slots=True)
class Remarks:
    """What was said of the group beside the entries."""

    edit: str = ""
    """The own text as far as it is written."""
    note: str = ""
    flag: bool = False


class JudgingScreen(Frame):
    """A group and what can be done about it. Subclasses own the entries: see the hooks at the
    end."""

    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(
        self,
        info: SessionInfo,
        reply: Callable[[Reply], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(info, clock)
        self._send = reply
        self.desk: Desk | None = None
        """The group on the cards, also while its reply is on the way."""
        self._desks = 0
        """Times the session asked. Each takes one reply off the queue, in order, so"""
        self._replies = 0
        """it waits for one exactly when there were fewer replies than desks."""
        self._dimming: Timer | None = None
        self._judged: Judgement | None = None
        """Sent, and not yet known to be kept."""
        self._came = 0.0
        self._left: float | None = None
        """When another screen came over the group."""
        self.keys = ""
        self.remarks = Remarks()
        self._save_asked = False
        self._quitting = False
        self._comes_later = False
        """The last judgement taken back was not the one before: another group comes first."""

    # -- the session's side -----------------------------------------------------------------

    def lay(self, desk: Desk) -> None:
        """The session asks about a group."""
        again = self.desk is not None and self.desk.group.key == desk.group.key
        # After a save the same group comes again. What is on the cards is newer than its draft.
        keep_entries = again and self._judged is None and not self.waiting
        self.desk = desk
        self._desks += 1
        self._judged = None
        if self._dimming is not None:
            self._dimming.stop()
        self._dim(False)
        self.heard.asked(desk)
        self.over("group")
        self.show_group()
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
        was = desk.draft
        self.remarks = Remarks() if was is None else Remarks(was.edit, was.note, was.flag)
        self._show_remarks()
        self.take(desk)
        self.show_hints()
        self.size_cards()

    def happened(self, event: Event) -> None:
        """The session tells something."""
        super().happened(event)
        if isinstance(event, Undone) and self._comes_later:
            self.say(own(self.tr("taken back: its group comes again with what you gave")))
        if isinstance(event, Saved):
            if self._save_asked and not self._quitting:
                self.say(own(self.tr("saved")))
            self._save_asked = False

    # -- the operator's side ----------------------------------------------------------------

    @property
    def open(self) -> bool:
        """Whether a group is on the cards and not yet judged."""
        return self.desk is not None and self._judged is None and not self.waiting

    def may_enter(self) -> bool:
        """Whether an entry has a group to go to; says so if not."""
        if self._quitting:
            self.refuse("saving: this key was not taken")
        elif not self.open:
            self.refuse("no new group yet: this key was not taken")
        return self.open and not self._quitting

    def away(self, gone: bool) -> None:
        """Another screen comes over the group, or goes: the group's clock stands still between."""
        now = self._clock()
        if not gone and self._left is not None:
            self._came += now - max(self._left, self._came)
        self._left = now if gone else None

    def note_key(self, raw: str) -> None:
        """Keeps the raw key, which was taken, for the judgement."""
        self.over("key")
        self.keys += raw

    def draft(self) -> None:
        """Keeps entries and remarks where a crash cannot take them."""
        if self.desk is None:
            return
        by_completion = [""] * len(self.desk.group.completions)
        for index, entry in zip(self.desk.shown, self.entries(), strict=False):
            by_completion[index] = entry
        remarks = self.remarks
        self.desk.save_draft(Draft(tuple(by_completion), remarks.edit, remarks.note, remarks.flag))

    def remark(
        self, *, edit: str | None = None, note: str | None = None, flag: bool | None = None
    ) -> None:
        """Changes what is given, and keeps it with the draft."""
        was = self.remarks
        self.remarks = Remarks(
            was.edit if edit is None else edit,
            was.note if note is None else note,
            was.flag if flag is None else flag,
        )
        self._show_remarks()
        self.draft()

    def _show_remarks(self) -> None:
        self.query_one(PromptLine).mark(self.remarks.note, self.remarks.flag)

    def judge(self, verdict: Verdict) -> bool:
        """Sends the judgement; False while the session has yet to come back for it."""
        if self.desk is None or not self.asked:
            return False
        self._judged = Judgement(
            group=self.desk.group.key,
            verdict=verdict,
            operator=self.info.config.operator_name,
            mode=self.desk.mode,
            seconds=round(self._clock() - self._came, 2),
            keys=self.keys,
            shown=self.desk.shown,
            note=self.remarks.note,
            flag=self.remarks.flag,
        )
        self._dimming = self.set_timer(BLINK, partial(self._dim, True))
        self.say(own((self.tr("keeping …"), "$frame-text")))
        self._reply(self._judged)
        return True

    def _dim(self, kept: bool) -> None:
        """Whether the cards wait to be kept. A class of the screen would have Textual match the
        styles of everything on it anew, twice a group."""
        self.query_one(Cards).set_class(kept, "-kept")

    def command(self, reply: Reply) -> None:
        """A reply that is no judgement: taken at once, or by the next `judge`. One at a time can
        wait, so that a key held down does not undo the whole session."""
        if self._replies > self._desks and not isinstance(reply, Quit):
            self.refuse("one moment: the last key is still being carried out")
            return
        self._reply(reply)

    def _reply(self, reply: Reply) -> None:
        if isinstance(reply, Undo | TakeBack):
            self._comes_later = isinstance(reply, TakeBack) and not reply.now
        self._replies += 1
        self._send(reply)

    @property
    def asked(self) -> bool:
        """The session waits for a reply to the desk that is on the cards."""
        return self._replies < self._desks

    def action_skip(self) -> None:
        if self.may_enter():
            self.note_key(" ")
            if not self.judge(Skip()):
                space = self.key("group.skip", self.tr("Space"))
                self.refuse("saving: press {key} again in a moment", key=space)

    def action_back(self) -> None:
        if self._quitting:
            return
        if self.open and not self.untouched():
            self.erase()
            return
        self.say(own((self.tr("taking the last judgement back …"), "$frame-text")), "group")
        self.command(Undo())

    def action_resample(self) -> None:
        if self.may_enter():
            if not self.asked:
                r = self.key("group.resample", "r")
                self.refuse("saving: press {key} again in a moment", key=r)
                return
            wait = self.tr("other completions of the same prompt …")
            self.say(own((wait, "$frame-text")), "group")
            self.command(Resample())

    def action_save(self) -> None:
        if not self._quitting:
            self._save_asked = True
            self.say(own((self.tr("saving …"), "$frame-text")))
            self.command(Save())

    def action_quit(self) -> None:
        """Once: a second q changes nothing, the session is on its way out."""
        if self._quitting:
            self.say(own(self.tr("saving … (this ends by itself)")))
            return
        self._quitting = True
        kept = "  " + self.tr("every label is kept")
        self.say(own((self.tr("saving …"), "bold"), (kept, "$frame-text")))
        self.command(Quit())

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen(self.tr(self.help_title()), self.help_keys()))

    def action_scroll_card(self, pages: int) -> None:
        if self.open:
            self.current_card().turn(pages)

    @cached_property
    def bound(self) -> frozenset[str]:
        """The keys that do something here, by Textual's names."""
        return frozenset(self.active_bindings)

    def unknown(self, text: str) -> None:
        """A key without a binding."""
        if is_han(text):
            self.refuse("a Chinese input method is on: switch it off to judge (digits still work)")
        else:
            key = self.key("app.help", "?")
            self.refuse("{key} does nothing here: {help} shows every key", key=text, help=key)

    def pasted(self, text: str) -> None:
        """Where no field is."""
        if is_han(text):
            self.unknown(text)
        else:
            self.refuse("text cannot be pasted here: press keys to judge")

    # -- hooks ------------------------------------------------------------------------------

    def common_hints(self, between: str = "", more: str = "") -> str:
        """The keys every screen has, as far as there is room: `more` in a narrow terminal, in a
        wide one those beside judging. `between` stands after undo."""
        key = self.key
        if self.has_class("-wide"):
            more = self.tr(
                "{edit} edit  {note} note  {flag} flag  {prompt} prompt  {tokens} tokens",
                edit=key("group.edit", "e"),
                note=key("group.note", "n"),
                flag=key("group.flag", "f"),
                prompt=key("group.prompt", "p"),
                tokens=key("group.tokens", "i"),
            )
        parts = (
            self.tr(
                "{skip} skip  {undo} undo",
                skip=key("group.skip", "␣"),
                undo=key("group.undo", "⌫"),
            ),
            between,
            self.tr("{key} resample", key=key("group.resample", "r")),
            more,
            self.tr(
                "{quit} quit  {help} help", quit=key("app.quit", "q"), help=key("app.help", "?")
            ),
        )
        return "  ".join(part for part in parts if part)

    def card_hint(self) -> str:
        """How another card becomes the current one."""
        up, down = self.key("card.up", "↑"), self.key("card.down", "↓")
        return self.tr("{up}{down} card", up=up, down=down)

    def more_hint(self) -> str:
        """How the rest of a long completion is seen."""
        return self.tr("{key} more", key=self.key("card.scroll_down", "PgDn"))

    def common_first_keys(self) -> str:
        """The end of `first_keys`."""
        key = self.key
        return self.tr(
            "{skip} skips, {undo} takes back, {quit} saves and leaves, {help} more",
            skip=key("group.skip", self.tr("Space")),
            undo=key("group.undo", "Backspace"),
            quit=key("app.quit", "q"),
            help=key("app.help", "?"),
        )

    def help_title(self) -> Sentence:
        """Over the help."""
        raise NotImplementedError

    def help_keys(self) -> tuple[Key, ...]:
        raise NotImplementedError

    def take(self, desk: Desk) -> None:
        """Another group: lay the entries of its draft out, or empty ones."""
        raise NotImplementedError

    def came_again(self) -> None:
        """The same group with the entries it has; the session listens again."""

    def entries(self) -> tuple[str, ...]:
        """What was entered so far, by place."""
        raise NotImplementedError

    def untouched(self) -> bool:
        """Whether nothing was entered for the group."""
        raise NotImplementedError

    def erase(self) -> None:
        """Takes back the last entry in the group."""
        raise NotImplementedError

    def current_card(self) -> Card:
        raise NotImplementedError

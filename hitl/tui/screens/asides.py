"""What can be done beside judging a group: an own text or prompt, a note, a flag, its tokens."""

from __future__ import annotations

from hitl.feedback.edits import parse_edit
from hitl.feedback.typed import FeedbackError
from hitl.operator import Event, Inspected, OwnPrompt
from hitl.records import Edit, Inspection, Ranking, Scores
from hitl.tui.content import own, plain
from hitl.tui.screens.entry import EditScreen, Entered, LineScreen
from hitl.tui.screens.steering import Steering
from hitl.tui.screens.tokens import TokensScreen


class Asides(Steering):
    """Between the judging screen and those that score, rank and compare."""

    _edit: Edit | None = None
    """Made while the session was away saving: sent when it is back."""
    _prompt = ""
    """What was typed as a prompt and not yet sent."""
    _astray: tuple[str, tuple[int, int], str] | None = None
    """What was typed last for a group that had gone by then: with which key, which group."""
    _inspected: tuple[tuple[int, int], Inspection] | None = None

    # -- an own text ------------------------------------------------------------------------

    def action_edit(self) -> None:
        if not self.may_enter() or self.desk is None:
            return
        place = self.current_card().place
        text = self.desk.group.completions[self.desk.shown[place]].text
        screen = EditScreen(
            self.tr("{place}: as it should be", place=place + 1),
            self._found("group.edit") or self.remarks.edit or text,
            self.current_card().region,
        )
        group = self.desk.group.key
        self.app.push_screen(screen, lambda entered: self._edited(group, place, text, entered))

    def _edited(
        self, group: tuple[int, int], place: int, before: str, entered: Entered | None
    ) -> None:
        if entered is None or self.desk is None or self._goes_astray("group.edit", group, entered):
            return
        changed = entered.text != plain(before, newlines=True)
        self.remark(edit=entered.text if changed else "")
        if not entered.kept:
            if changed:
                e = self.key("group.edit", "e")
                self.say(own(self.tr("not kept: {key} goes on with the text", key=e)))
            return
        if not changed:
            self.refuse("the text is as it was: change it, or give the card the best mark")
            return
        if not self.may_enter():
            return
        try:
            edit = parse_edit(entered.text)
        except FeedbackError as error:
            self.refuse_error(error)
            return
        self.note_key("e⏎")
        self._edit = Edit(edit.text, self.given(), self.desk.shown[place])
        if self.judge(self._edit):
            self._edit = None

    def _goes_astray(self, action: str, group: tuple[int, int], entered: Entered) -> bool:
        """Whether another group came while the field was open: by a key just before it, which the
        session had yet to answer. What was typed is nothing to that one."""
        if self.desk is not None and self.desk.group.key == group:
            return False
        self._astray = action, group, entered.text
        key = self.key(action, "e" if action == "group.edit" else "n")
        self.refuse(
            "another group came meanwhile: nothing was kept, {key} shows your text when its group "
            "is back",
            key=key,
        )
        return True

    def _found(self, action: str) -> str:
        """What went astray and is for the group on the screen, once."""
        if self.desk is None or self._astray is None:
            return ""
        if self._astray[:2] != (action, self.desk.group.key):
            return ""
        text, self._astray = self._astray[2], None
        return text

    def came_again(self) -> None:
        if self._edit is not None:
            edit, self._edit = self._edit, None
            self.judge(edit)

    # -- an own prompt ----------------------------------------------------------------------

    def action_prompt(self) -> None:
        if self.may_enter():
            self.app.push_screen(LineScreen(self.tr("your prompt"), self._prompt), self._prompted)

    def _prompted(self, entered: Entered | None) -> None:
        if entered is None:
            return
        self._prompt = entered.text.strip()
        if not entered.kept:
            return
        if not self._prompt:
            self.refuse("nothing was typed: nothing is changed")
            return
        if not self.may_enter():
            return
        if not self.asked:
            self.refuse("saving: press {key} again in a moment", key=self.key("group.prompt", "p"))
            return
        self.say(own(self.tr("your prompt comes next …")), "group")
        self.command(OwnPrompt(self._prompt))
        self._prompt = ""

    # -- note and flag ----------------------------------------------------------------------

    def action_note(self) -> None:
        if not self.may_enter() or self.desk is None:
            return
        group, note = self.desk.group.key, self._found("group.note") or self.remarks.note
        screen = LineScreen(self.tr("note"), note)
        self.app.push_screen(screen, lambda entered: self._noted(group, entered))

    def _noted(self, group: tuple[int, int], entered: Entered | None) -> None:
        if entered is None or not entered.kept or not self.may_enter():
            return
        if self._goes_astray("group.note", group, entered):
            return
        note = entered.text.strip()
        if not note and not self.remarks.note:
            self.refuse("nothing was typed: nothing is changed")
            return
        self.note_key("n⏎")
        self.remark(note=note)
        self.say(own(self.tr("note: {note}", note=note) if note else self.tr("no note")))

    def action_flag(self) -> None:
        if self.may_enter():
            self.note_key("f")
            self.remark(flag=not self.remarks.flag)
            flag = self.remarks.flag
            self.say(own(self.tr("flagged") if flag else self.tr("the flag is off")))

    # -- tokens -----------------------------------------------------------------------------

    def action_tokens(self) -> None:
        if not self.may_enter() or self.desk is None:
            return
        key = self.desk.group.key
        known = None
        if self._inspected is not None and self._inspected[0] == key:
            known = self._inspected[1]
        else:
            self.desk.inspect()
        screen = TokensScreen(self.desk, self.current_card().place, known, self.heard.doing)
        self.app.push_screen(screen)

    def happened(self, event: Event) -> None:
        super().happened(event)
        if isinstance(event, Inspected):
            self._inspected = event.group, event.tokens
            top = self.app.screen
            if isinstance(top, TokensScreen) and top.group == event.group:
                top.inspected(event.tokens)

    # -- hooks ------------------------------------------------------------------------------

    def given(self) -> Scores | Ranking | None:
        """What was said of the sampled completions so far, in the order of the group."""
        raise NotImplementedError

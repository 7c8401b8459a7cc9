"""Changing the training from the judging screen: pause, learning rate, KL budget."""

from __future__ import annotations

from hitl.errors import UsageError
from hitl.feedback.options import parse_options
from hitl.operator import Event, Tuned
from hitl.tui.content import own
from hitl.tui.screens.entry import Entered, LineScreen
from hitl.tui.screens.judging import JudgingScreen
from hitl.tuning import Tune, Tuning
from hitl.wording import Sentence


class Steering(JudgingScreen):
    """What holds is what the session said last: it is in the journal then."""

    _tuned: Tuning | None = None
    _typed = ""
    """Options that were typed and not taken, for another try."""

    @property
    def tuning(self) -> Tuning:
        """What holds now."""
        return self._tuned or Tuning(self.info.config.step_options)

    def action_pause(self) -> None:
        if self._may_tune():
            paused = not self.tuning.paused
            self.say(
                own((self.tr("pausing …") if paused else self.tr("going on …"), "$frame-text"))
            )
            self.command(Tune(paused=paused))

    def action_options(self) -> None:
        if self._may_tune():
            title = self.tr("learning rate, and KL budget in nats")
            self.app.push_screen(LineScreen(title, self._typed or self._as_typed), self._entered)

    def happened(self, event: Event) -> None:
        super().happened(event)
        if isinstance(event, Tuned):
            was, self._tuned = self.tuning, event.tuning
            self.say(own(self.tr(self._told(was.paused))))

    def _entered(self, entered: Entered | None) -> None:
        if entered is None:
            return
        self._typed = "" if entered.text == self._as_typed else entered.text
        if not entered.kept:
            return
        try:
            change = parse_options(entered.text)
        except UsageError as error:
            self.refuse_error(error)
            return
        self._typed = ""
        holds = self.tuning.options
        change = Tune(_changed(change.lr, holds.lr), _changed(change.target_kl, holds.target_kl))
        if change == Tune():
            self.say(own(self.tr("as it was: {tuning}", tuning=self.tuning.sentence)))
            return
        self.command(change)

    @property
    def _as_typed(self) -> str:
        options = self.tuning.options
        return f"lr {options.lr:g}  kl {options.target_kl:g}"

    def _may_tune(self) -> bool:
        if self.info.config.label_only:
            self.refuse("nothing is trained in this run")
        return not self.info.config.label_only and not self._quitting

    def _told(self, was_paused: bool) -> Sentence:
        key = self.key("train.pause", "t")
        if self.tuning.paused:
            return Sentence("training is paused: judge on, {key} goes on with it", key=key)
        if was_paused:
            return Sentence("training goes on: {tuning}", tuning=self.tuning.sentence)
        return Sentence("from the next update on: {tuning}", tuning=self.tuning.sentence)


def _changed(typed: float | None, holds: float) -> float | None:
    """What was typed, if it is another value than the field began with."""
    return None if typed is None or f"{typed:g}" == f"{holds:g}" else typed

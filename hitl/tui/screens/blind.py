"""The blind test: which of two texts is better, and only then, which policy wrote it."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.worker import Worker, WorkerState

from hitl.blind import (
    KIND,
    PAIRS,
    Outcome,
    base_first,
    event_of,
    meaning,
    numbers,
    outcome,
    win_rate,
)
from hitl.journal import Journal
from hitl.operator import Contrasted, Event
from hitl.rundir import RunDir
from hitl.tui.content import foreign, own
from hitl.tui.keymap import Key, bindings
from hitl.tui.keymap_visits import BLIND
from hitl.tui.screens.visit import Visit
from hitl.tui.widgets.line import Line
from hitl.tui.widgets.prompt import PromptLine
from hitl.wording import Sentence


class BlindScreen(Visit):
    """An introduction with the tests so far, the pairs one by one, the result. A test that is left
    goes on where it was."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(BLIND)]
    WHERE = "blind"

    _past: tuple[dict[str, Any], ...] | None = None
    """What the journal has of the tests before; None while it is being read."""
    _result = Content("")
    _shown: Contrasted | None = None
    """The pair whose texts are on the screen."""

    def body(self) -> ComposeResult:
        yield PromptLine()
        with Vertical(id="pair"):
            for side in ("one", "other"):
                with VerticalScroll(id=side, classes="side", can_focus=False):
                    yield Line()
        yield Line(id="about")

    def on_mount(self) -> None:
        super().on_mount()
        self.run_worker(self._read, thread=True, exclusive=True, exit_on_error=False)

    def on_resize(self) -> None:
        super().on_resize()
        self.set_class(self.size.width >= 100, "-wide")

    def _read(self) -> tuple[dict[str, Any], ...]:
        folder = self.judging.info.folder
        if folder is None:
            return ()
        with Journal.open(RunDir(folder).journal_path, readonly=True) as journal:
            return tuple(entry.data for entry in journal.events() if entry.kind == KIND)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        event.stop()
        if event.state is WorkerState.ERROR:
            self.fail(event.worker.error)
        elif event.state is WorkerState.SUCCESS and event.worker.result is not None:
            self._past = event.worker.result
            if self.judging.heard.blind is not None:
                self._ask()  # an update may have come between: what is missing is written again
            self._show()

    def happened(self, event: Event) -> None:
        if isinstance(event, Contrasted) and self.judging.heard.blind is not None:
            self._show()

    # -- the test ---------------------------------------------------------------------------

    @property
    def _seed(self) -> int:
        return self.judging.info.config.seed

    @property
    def _pair(self) -> Contrasted | None:
        """The one that is asked about now, once it is written."""
        blind = self.judging.heard.blind
        if blind is None or len(blind[1]) >= PAIRS:
            return None
        return self.judging.heard.contrasts.get(numbers(blind[0])[len(blind[1])])

    def action_begin(self) -> None:
        blind = self.judging.heard.blind
        if blind is not None and len(blind[1]) == PAIRS:
            self._finish(*blind)
            self._show()
        if blind is not None or self._past is None:
            return
        if self.judging.info.config.label_only:
            self.refuse("nothing is trained in this run")
        elif self.judging.desk is None:
            self.refuse("the policy is still being loaded")
        elif self.judging.heard.status.version == 0:
            self.refuse("no update yet: base and taught policy are the same")
        else:
            self.judging.heard.blind = len(self._past) + 1, ()
            self._ask()
            self._show()

    def _ask(self) -> None:
        blind, desk = self.judging.heard.blind, self.judging.desk
        if blind is not None and desk is not None:
            known = self.judging.heard.contrasts
            desk.contrast([n for n in numbers(blind[0]) if n not in known])

    def action_win(self, chosen: int) -> None:
        blind, pair = self.judging.heard.blind, self._pair
        if blind is None or pair is None:
            return
        self._answer(outcome(self._seed, pair, chosen))
        self._show()

    def _answer(self, better: Outcome) -> None:
        if (blind := self.judging.heard.blind) is not None:
            outcomes = (*blind[1], better)
            self.judging.heard.blind = blind[0], outcomes
            if len(outcomes) == PAIRS:
                self._finish(blind[0], outcomes)

    def _pass_over_equal(self) -> None:
        while (pair := self._pair) is not None and _equal(pair):
            self._answer("tie")

    def action_back(self) -> None:
        blind = self.judging.heard.blind
        if blind is None:
            return
        test, outcomes = blind
        known = self.judging.heard.contrasts
        asked = [i for i in range(len(outcomes)) if not _equal(known[numbers(test)[i]])]
        if asked:
            self.judging.heard.blind = test, outcomes[: asked[-1]]
            self._show()

    def _finish(self, test: int, outcomes: tuple[Outcome, ...]) -> None:
        known, desk = self.judging.heard.contrasts, self.judging.desk
        pairs = [known[number] for number in numbers(test)]
        data = event_of(max(pair.version for pair in pairs), pairs, outcomes)
        if desk is None or not desk.record(KIND, data):
            begin = self.key("blind.begin", "Enter")
            self.refuse("the journal could not take it: {key} tries again", key=begin)
            return
        self._past = (*(self._past or ()), data)
        self.judging.heard.blind = None
        self._result = own(self.tr(meaning(win_rate(outcomes))))
        self.say(Content(""))

    def action_scroll_card(self, way: int) -> None:
        for side in self.query(".side"):
            side.scroll_relative(y=way * max(side.size.height - 1, 1), animate=False)

    # -- what is seen -----------------------------------------------------------------------

    def _show(self) -> None:
        self._pass_over_equal()
        pair = self._pair
        self.set_class(pair is not None, "-asking")
        prompt = self.query_one(PromptLine)
        if pair is None:
            prompt.clear()
            self.query_one("#about", Line).show(self._about())
        else:
            place = len((self.judging.heard.blind or (0, ()))[1])
            prompt.show(place + 1, pair.prompt)
            texts = (pair.before, pair.after)
            order = texts if base_first(self._seed, pair.number) else texts[::-1]
            for number, (side, text) in enumerate(zip(self.query(".side"), order, strict=True), 1):
                side.border_title = own(f"{number}")
                if pair != self._shown:  # else somebody may be reading on in it
                    side.scroll_home(animate=False)
                shown = (
                    foreign(text.strip(), newlines=True)
                    if text.strip()
                    else own(self.tr("(nothing)"))
                )
                side.query_one(Line).show(shown)
            asked = self.tr(
                "pair {place} of {pairs}: which is the better text?", place=place + 1, pairs=PAIRS
            )
            self.say(own((asked, "$frame-text")))
        self._shown = pair
        self.show_hints()

    def _about(self) -> Content:
        blind = self.judging.heard.blind
        if blind is not None and len(blind[1]) == PAIRS:
            return own(self.tr("every pair is answered, and the result is not kept yet"))
        if blind is not None:
            return own(self.tr("both policies are writing; this waits for the engine to be idle …"))
        begin = self.key("blind.begin", "Enter")
        begins = self.tr("{key} begins a test of {pairs} pairs.", key=begin, pairs=PAIRS)
        lines = [self._result, own("")] if self._result else []
        lines += [
            own(
                self.tr(
                    "Is it really better? You see two texts for one prompt, one of the base policy "
                    "and one of the policy as it is now, and not which is which. Where both wrote "
                    "the same, that is a tie without a question. The answers are kept in the "
                    "journal, and nothing is learned from them."
                )
            ),
            own(""),
            own((begins, "bold $accent")),
        ]
        if self._past:
            lines += [own(""), own((self.tr("tests so far"), "$frame-text"))]
            for data in self._past:
                low, high = data["interval"]
                lines.append(
                    own(
                        self.tr(
                            "v{version}: {rate:.0%} ({low:.0%} to {high:.0%}), {wins} won, "
                            "{losses} lost, {ties} ties",
                            version=data["version"],
                            rate=data["rate"],
                            low=low,
                            high=high,
                            wins=data["wins"],
                            losses=data["losses"],
                            ties=data["ties"],
                        )
                    )
                )
        return Content("\n").join(lines)

    def hints(self) -> str:
        key = self.key
        back, told = key("visit.back", "Esc"), key("visit.help", "?")
        if self._pair is None:
            return self.tr(
                "{begin} begin  {back} back to the group  {help} help",
                begin=key("blind.begin", "⏎"),
                back=back,
                help=told,
            )
        return self.tr(
            "{first} first  {second} second  {tie} equal  {undo} take back  {more} more  "
            "{back} to the group  {help} help",
            first=key("blind.first", "←"),
            second=key("blind.second", "→"),
            tie=key("blind.tie", "↓"),
            undo=key("blind.undo", "⌫"),
            more=key("blind.scroll_down", "PgDn"),
            back=back,
            help=told,
        )

    def help_title(self) -> Sentence:
        return Sentence("Blind test")

    def help_keys(self) -> tuple[Key, ...]:
        return BLIND


def _equal(pair: Contrasted) -> bool:
    return pair.before.strip() == pair.after.strip()

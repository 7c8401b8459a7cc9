"""Training as it goes: curves, alarms with what to do, and what base and taught policy write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Grid, VerticalScroll
from textual.content import Content
from textual.worker import Worker, WorkerState

from hitl.alarms import Alarm, Written, alarms
from hitl.operator import Contrasted, Event, Updated
from hitl.records import UpdateStats
from hitl.run_alarms import writing_of
from hitl.rundir import RunDir
from hitl.tui.content import foreign, left, own
from hitl.tui.curves import figure
from hitl.tui.hanging import hanging
from hitl.tui.keymap import Key, bindings
from hitl.tui.keymap_visits import TRAIN
from hitl.tui.screens.visit import Visit
from hitl.tui.widgets.curve import Curve
from hitl.tui.widgets.line import Line
from hitl.wording import Sentence, Translator

TEXTS = range(1, 7)
"""The fixed prompts."""

KEYS = {
    "data": ("screen.data", "F4"),
    "you": ("data.quality", "i"),
    "blind": ("screen.blind", "F6"),
}
"""Those that an alarm names: id and usual key by the name it has there."""

PAGES = {
    "curves": Sentence("curves"),
    "alarms": Sentence("alarms"),
    "texts": Sentence("texts"),
}
"""Title by id."""


class TrainScreen(Visit):
    """Three pages; the first has the curves and the gravest alarm."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(TRAIN)]
    WHERE = "train"

    _page = 0
    _written: tuple[Written | None, Written | None] = (None, None)

    def body(self) -> ComposeResult:
        with Grid(id="curves", classes="train-page"):
            tr = self.tr
            mean = tr("mean") if self.judging.info.has_reward else tr("of ranks, so always 0")
            yield Curve(tr("reward"), mean, "$success", id="reward")
            yield Curve("KL", tr("nats a completion"), "$accent", id="kl")
            yield Curve(tr("entropy"), tr("nats a token"), "$primary", id="entropy")
            valued = self.judging.info.config.ppo.advantage == "gae"
            unvalued = "" if valued else tr("no value head is used")
            yield Curve(tr("value loss"), unvalued, "$primary", id="value")
            yield Curve(tr("clipped"), tr("% of ratios"), "$primary", id="clipped")
            yield Line(id="last")
        with VerticalScroll(id="alarms", classes="train-page", can_focus=False):
            yield Line(id="warned")
        with VerticalScroll(id="texts", classes="train-page", can_focus=False):
            yield Line(id="written")
        yield Line(id="gravest")

    def on_mount(self) -> None:
        super().on_mount()
        self._turned()
        self._show()
        self._measure()
        self._ask()

    def on_resize(self) -> None:
        super().on_resize()
        self._show_texts()

    @property
    def updates(self) -> Sequence[UpdateStats]:
        return self.judging.heard.updates

    def happened(self, event: Event) -> None:
        match event:
            case Updated():
                self._show()
                self._measure()
                self._ask()
            case Contrasted():
                self._show_texts()

    def action_turn(self, by: int) -> None:
        self._page = (self._page + by) % len(PAGES)
        self._turned()

    def action_scroll_text(self, way: int) -> None:
        page = self.query_one(f"#{tuple(PAGES)[self._page]}")
        page.scroll_relative(y=way * max(page.size.height - 2, 1), animate=False)

    def hints(self) -> str:
        titles = [self.tr(title) for title in PAGES.values()]
        names = " · ".join(f"[{t}]" if n == self._page else t for n, t in enumerate(titles))
        key = self.key
        return self.tr(
            "{turn} {pages}  {more} more  {blind} blind test  {back} to the group  {help} help",
            turn=key("train.page", "Tab"),
            pages=names,
            more=key("train.down", "↓"),
            blind=key("train.blind", "b"),
            back=key("visit.back", "Esc"),
            help=key("visit.help", "?"),
        )

    def help_title(self) -> Sentence:
        return Sentence("Training")

    def help_keys(self) -> tuple[Key, ...]:
        return TRAIN

    # -- the pages --------------------------------------------------------------------------

    def _turned(self) -> None:
        for place, name in enumerate(PAGES):
            self.query_one(f"#{name}").display = place == self._page
        self.query_one("#gravest").display = self._page == 0
        self.show_hints()

    def _show(self) -> None:
        updates = self.updates
        first = updates[0].number if updates else 1
        for name, values in (
            ("reward", [_reward(u) for u in updates]),
            ("kl", [u.sequence_kl for u in updates]),
            ("entropy", [u.entropy for u in updates]),
            ("value", [u.value_loss for u in updates]),
            ("clipped", [100 * u.clip_fraction for u in updates]),
        ):
            self.query_one(f"#{name}", Curve).show(values, first)
        label_only = self.judging.info.config.label_only
        self.query_one("#last", Line).show(_last(updates, label_only, self.tr))
        self._show_alarms()
        self._show_texts()

    def _show_alarms(self) -> None:
        ppo = self.judging.info.config.ppo
        found = alarms(self.updates, ppo.target_kl, ppo.lr, *self._written)
        found = [replace(alarm, do=self._with_keys(alarm.do)) for alarm in found]
        page = self.key("train.page", "Tab")
        self.query_one("#gravest", Line).show(_gravest(found, bool(self.updates), page, self.tr))
        self.query_one("#warned", Line).show(_all(found, self.updates, self._written, self.tr))

    def _with_keys(self, said: Sentence) -> Sentence:
        """The keys in force in place of the usual ones."""
        named = {name: self.key(*KEYS[name]) for name in said.values if name in KEYS}
        return Sentence(said.template, **{**said.values, **named})

    def _show_texts(self) -> None:
        known = self.judging.heard.contrasts
        self.query_one("#written", Line).show(
            _texts(
                [known.get(n) for n in TEXTS],
                self.judging.heard.status.version,
                self.app.size.width - 4,
                self.tr,
            )
        )

    # -- what takes longer ------------------------------------------------------------------

    def _ask(self) -> None:
        """For texts that are missing or of an older policy; they come when the engine is idle."""
        known, version = self.judging.heard.contrasts, self.judging.heard.status.version
        old = [n for n in TEXTS if n not in known or known[n].version != version]
        if self.judging.desk is not None and old:
            self.judging.desk.contrast(old)

    def _measure(self) -> None:
        if (folder := self.judging.info.folder) is not None:
            read = partial(writing_of, RunDir(folder))
            self.run_worker(read, thread=True, exclusive=True, exit_on_error=False)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        event.stop()
        if event.state is WorkerState.ERROR:
            self.fail(event.worker.error)
        elif event.state is WorkerState.SUCCESS and event.worker.result is not None:
            self._written = event.worker.result
            self._show_alarms()


def _reward(stats: UpdateStats) -> float:
    """Without what the sums of float32 leave of ranks, whose mean is 0."""
    return round(stats.reward, 6) + 0.0


def _last(updates: Sequence[UpdateStats], label_only: bool, tr: Translator) -> Content:
    if label_only:
        return own((tr("nothing is trained in this run"), "$frame-text"))
    if not updates:
        none = tr("no update yet: the curves begin with the first full batch")
        return own((none, "$frame-text"))
    u = updates[-1]
    pairs = (
        (tr("labels"), f"{u.labels}"),
        (tr("reward"), f"{figure(_reward(u))} ± {figure(u.reward_std)}"),
        (tr("KL weight"), figure(u.kl_coef)),
        (tr("step KL"), tr("{kl} nats/token", kl=figure(u.step_kl))),
        (tr("passes, time"), f"{u.epochs}, {u.seconds:.1f} s"),
    )
    head = own((tr("update {number}", number=u.number), "bold"))
    return Content("\n").join(
        [head, *(own((left(name, 13), "$frame-text"), value) for name, value in pairs)]
    )


def _gravest(found: Sequence[Alarm], any_update: bool, page: str, tr: Translator) -> Content:
    if not found:
        return _no_alarm(tr) if any_update else own("")
    more = f"  (+{len(found) - 1}: {page})" if len(found) > 1 else ""
    alarm = found[0]
    return own(
        ("! " + tr(alarm.name), "bold $warning"), tr(": "), tr(alarm.do), (more, "$frame-text")
    )


def _no_alarm(tr: Translator) -> Content:
    return own(("✓ " + tr("no alarm"), "$success"))


def _all(
    found: Sequence[Alarm],
    updates: Sequence[UpdateStats],
    both: tuple[Written | None, Written | None],
    tr: Translator,
) -> Content:
    lines: list[Content] = []
    for alarm in found:
        lines += [
            own(("! " + tr(alarm.name), "bold $warning")),
            own("  " + tr(alarm.what)),
            own(("  → ", "$accent"), tr(alarm.do)),
            own(""),
        ]
    if not found:
        lines += [
            _no_alarm(tr) if updates else own(tr("no update yet")),
            own(""),
        ]
    first, last = both
    if first is not None and last is not None:
        lines.append(
            own(
                (tr("newest {count} completions: ", count=last.completions), "$frame-text"),
                tr(
                    "{length:.1f} tokens (base {length_before:.1f}), {distinct:.0%} of the word "
                    "pairs different (base {distinct_before:.0%})",
                    length=last.length,
                    length_before=first.length,
                    distinct=last.distinct2,
                    distinct_before=first.distinct2,
                ),
            )
        )
    if updates and (more := updates[-1].own_words):
        yours = tr("{count} labels of yours, {more}", count=updates[-1].labels, more=more)
        lines.append(own((tr("learned from: "), "$frame-text"), yours))
    if updates:
        head = tr("said of the last update: ")
        lines += [
            own((head, "$frame-text"), foreign(tr.said(text))) for text in updates[-1].notices
        ]
    return Content("\n").join(lines)


def _texts(known: Sequence[Contrasted | None], version: int, width: int, tr: Translator) -> Content:
    lines: list[Content] = []
    base = left("  " + tr("base"), 8)
    for one in known:
        if one is None:
            continue
        old = tr("(of v{version}, the new one comes)", version=one.version)
        old = "" if one.version == version else "  " + old
        lines += [
            own(foreign(one.prompt, "bold"), (old, "$frame-text")),
            *hanging(own((base, "$frame-text")), _text(one.before, tr), width),
            *hanging(own((f"  v{one.version:<5}", "$success")), _text(one.after, tr), width),
            own(""),
        ]
    if len([one for one in known if one is not None]) < len(known):
        rest = tr("the rest comes when the engine has nothing else to do …")
        lines.append(own((rest, "$frame-text")))
    about = tr("the same prompts and the same random numbers, before and now")
    head = own((about, "$frame-text"))
    return Content("\n").join([head, own(""), *lines])


def _text(text: str, tr: Translator) -> Content:
    text = text.strip()
    return foreign(text) if text else own((tr("(nothing)"), "$frame-text italic"))

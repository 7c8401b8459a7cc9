"""The status line, the last-action line and the rail: what always stays in view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.app import RenderResult
from textual.content import Content
from textual.widget import Widget

from hitl.tui.content import foreign, own
from hitl.tui.curves import chart
from hitl.tui.translated import Translated
from hitl.wording import Sentence, Translator

BARS = "▁▂▃▄▅▆▇█"

TALL = 40
"""Rows of a rail from which it has room for curves with axes."""

CHART_ROWS = 8
DOING = {
    "load": Sentence("loading"),
    "sample": Sentence("sampling"),
    "update": Sentence("PPO"),
    "save": Sentence("saving"),
}
"""By the engine's stage."""


@dataclass(frozen=True, slots=True)
class Status:
    """What the top line says. Ages and times in seconds."""

    run: str
    policy: str
    version: int
    stage: str = ""
    done: int = 0
    total: int = 0
    eta: float | None = None
    ready: int = 0
    batch_labels: int = 0
    batch_size: int | None = 0
    """None: nothing is trained."""
    saved_age: float | None = None
    """Of the newest checkpoint; None without one. Labels are on disk either way, so that is no
    reason to worry anybody."""
    paused: bool = False
    """No update is made until the operator goes on with training."""


def _batch(s: Status, tr: Translator) -> str:
    if s.batch_size is None:
        return tr("{count} labels", count=s.batch_labels)
    return tr("batch {labels}/{size}", labels=s.batch_labels, size=s.batch_size)


class StatusLine(Translated, Widget):
    """run │ policy │ engine │ ready │ batch │ saved."""

    def __init__(self, status: Status) -> None:
        super().__init__()
        self._status = status

    def show(self, status: Status) -> None:
        if status != self._status:
            self._status = status
            self.refresh()

    def render(self) -> RenderResult:
        s = self._status
        wide = self.size.width >= 100
        run = foreign(s.run).truncate(28 if wide else 14, ellipsis=True).stylize("bold")
        policy = own(
            self.tr("policy"), " ", foreign(s.policy + " ") if wide else "", f"v{s.version}"
        )
        parts = [
            run,
            policy,
            _activity(s, self.tr),
            own(self.tr("{count} ready", count=s.ready)),
            own(_batch(s, self.tr)),
        ]
        if s.saved_age is not None:
            parts.append(own(self.tr("saved {age}", age=age(s.saved_age))))
        line = own((" │ ", "$frame")).join(parts)
        return own(" ", line).truncate(self.size.width, ellipsis=True)


def _activity(status: Status, tr: Translator) -> Content:
    # Sampling ahead goes on behind a pause; what the operator must not forget is the pause.
    if status.paused and status.stage in ("", "sample"):
        return own((tr("paused"), "bold $warning"))
    if not status.stage:
        return own((tr("idle"), "$frame-text"))
    name = DOING.get(status.stage)
    doing = own((tr(name), "$accent")) if name else foreign(status.stage, "$accent")
    if status.total <= 0:
        return doing
    filled = min(4 * status.done // status.total, 4)
    doing = own(
        doing,
        f" {status.done}/{status.total} ",
        ("▓" * filled, "$accent"),
        ("░" * (4 - filled), "$frame"),
    )
    return own(doing, f" {age(status.eta)}") if status.eta is not None else doing


class LastLine(Widget):
    """What happened last on the left; on the right, where it leaves room, the learning figures."""

    def __init__(self) -> None:
        super().__init__()
        self._last = Content("")
        self._figures = Content("")

    def show(self, last: Content) -> None:
        self._last = last
        self.refresh()

    def figures(self, figures: Content) -> None:
        self._figures = figures
        self.refresh()

    def render(self) -> RenderResult:
        room = self.size.width - self._figures.cell_length - 2
        fits = 1 + self._last.cell_length + 2 <= room
        figures = self._figures if fits else Content("")
        room = room if fits else self.size.width - 2
        left = own(" ", self._last).truncate(max(room, 1), ellipsis=True, pad=True)
        return own(left, figures, " ")


class Rail(Translated, Widget):
    """Sparklines of mean reward and KL per update, the last judgements, the pace."""

    def __init__(self) -> None:
        super().__init__()
        self._rewards: Sequence[float] | None = ()
        self._kls: Sequence[float] = ()
        self._judgements: Sequence[str] = ()
        self._pace = ""

    def show(
        self,
        rewards: Sequence[float] | None,
        kls: Sequence[float],
        judgements: Sequence[str],
        pace: str,
    ) -> None:
        """`rewards` are None where they say nothing."""
        self._rewards, self._kls = rewards, kls
        self._judgements, self._pace = judgements, pace
        self.refresh()

    def render(self) -> RenderResult:
        width = max(self.size.width - 1, 4)
        tall = self.size.height >= TALL
        rewards = self._rewards
        lines = [
            *(
                []
                if rewards is None
                else _chart(self.tr("mean reward"), rewards, width, "$success", tall)
            ),
            *_chart(self.tr("KL to the reference"), self._kls, width, "$accent", tall),
            own((self.tr("last judgements"), "$frame-text")),
        ]
        recent = list(self._judgements)[-(20 if tall else 8) :][::-1]
        lines += [own(text).truncate(width, ellipsis=True) for text in recent] or [own("–")]
        lines += [own(""), own((self.tr("pace"), "$frame-text")), own(self._pace or "–")]
        return Content("\n").join(lines)


def _chart(
    title: str, values: Sequence[float], width: int, style: str, tall: bool
) -> list[Content]:
    now = f"{values[-1]:.2f}" if values else "–"
    head = own((title, "$frame-text"), " ", (now, "bold"))
    if not (tall and values):
        return [head, own((sparkline(values, width) or "–", style)), own("")]
    rows = chart(values, 1, width, CHART_ROWS)
    drawn = [own((row.axis, "$frame-text"), (row.curve, style)) for row in rows]
    return [head, *drawn, own("")]


def sparkline(values: Sequence[float], width: int) -> str:
    """The newest `width` values as bars between the least and the greatest of them."""
    shown = [v for v in values if v == v][-width:]
    if not shown:
        return ""
    low, high = min(shown), max(shown)
    if high == low:
        return BARS[3] * len(shown)
    top = len(BARS) - 1
    return "".join(BARS[round((v - low) / (high - low) * top)] for v in shown)


def age(seconds: float) -> str:
    """12s, 3m, 2h."""
    if seconds < 60:
        return f"{seconds:.0f}s"
    return f"{seconds / 60:.0f}m" if seconds < 3600 else f"{seconds / 3600:.0f}h"

"""The tokens of a completion: how likely each was, and how far the policy is from the reference."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content

from hitl.operator import Desk
from hitl.records import Completion, Inspection, TokenView
from hitl.tui.content import foreign, own
from hitl.tui.keymap import TOKENS, bindings
from hitl.tui.screens.answer import ModalAnswer
from hitl.tui.widgets.line import Line
from hitl.tui.widgets.status import DOING
from hitl.wording import Translator

PIECE = 10
"""Cells a token's text has at most."""

UNLIKELY = -4.0
"""log p from which a token is drawn as a surprise: a chance of 2 %."""

FAR = 0.5
"""log p - log p_ref, nats, from which a token is drawn as one the training moved."""


class TokensScreen(ModalAnswer[None]):
    """A cell a token: its text, log p, and log p - log p_ref once the engine has it."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(TOKENS)]

    def __init__(self, desk: Desk, place: int, tokens: Inspection | None, busy: str) -> None:
        """`busy` is what the engine does, "" for nothing."""
        super().__init__()
        self._desk = desk
        self._place = place
        self._tokens = tokens
        self._busy = busy

    @property
    def group(self) -> tuple[int, int]:
        return self._desk.group.key

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="tokens"):
            yield Line(id="tokens-about")
            yield Line(id="tokens-cells")

    def on_mount(self) -> None:
        self._show()

    def on_resize(self) -> None:
        self._show()

    def inspected(self, tokens: Inspection) -> None:
        """The engine answered."""
        self._tokens = tokens
        self._show()

    def action_turn(self, by: int) -> None:
        self._place = (self._place + by) % len(self._desk.shown)
        self._show()

    def action_close(self) -> None:
        self.dismiss()

    def _show(self) -> None:
        index = self._desk.shown[self._place]
        completion = self._desk.group.completions[index]
        views = None if self._tokens is None else self._tokens[index]
        box = self.query_one("#tokens")
        box.border_title = own(self.tr("{place}: tokens", place=self._place + 1))
        box.border_subtitle = own(
            self.tr(
                "{before} {next} other cards · {back} goes back",
                before=self.key("tokens.last", "←"),
                next=self.key("tokens.next", "→"),
                back=self.key("tokens.close", "Esc"),
            )
        )
        self.query_one("#tokens-about", Line).show(_about(completion, views, self._busy, self.tr))
        width = max(box.size.width - 4, 20)
        self.query_one("#tokens-cells", Line).show(_cells(completion, views, width, self.tr))


def _about(
    completion: Completion, views: tuple[TokenView, ...] | None, busy: str, tr: Translator
) -> Content:
    total = sum(completion.logprobs)
    said = tr("{count} tokens, log p {total:.1f}", count=len(completion.token_ids), total=total)
    if views is None:
        doing = (
            tr("the engine is busy ({stage})", stage=tr.said(DOING.get(busy, busy)))
            if busy
            else tr("asking the engine")
        )
        return own(said, (" · " + tr("log p_ref comes: {doing} …", doing=doing), "$warning"))
    kl = sum(p - v.ref_logp for p, v in zip(completion.logprobs, views, strict=True))
    means = tr("token, log p, log p - log p_ref (+ likelier than in the reference)")
    return Content("\n").join(
        [own(said, f", log p - log p_ref {_signed(kl)}"), own((means, "$frame-text"))]
    )


def _cells(
    completion: Completion, views: tuple[TokenView, ...] | None, width: int, tr: Translator
) -> Content:
    """As many cells in a row as fit, with a blank between."""
    names = [
        f"#{token}" if views is None else _visible(views[place].text)
        for place, token in enumerate(completion.token_ids)
    ]
    broad = min(max((foreign(name).cell_length for name in names), default=0), PIECE)
    cells = []
    for place, logp in enumerate(completion.logprobs):
        name = foreign(names[place], "bold $warning" if logp <= UNLIKELY else "bold")
        cell = own(name.truncate(broad, ellipsis=True, pad=True), f"{logp:z6.1f}")
        ratio = None if views is None else _ratio(logp - views[place].ref_logp)
        cells.append(cell if ratio is None else own(cell, ratio))
    if not cells:
        return own((tr("(nothing: it ended at once)"), "$frame-text italic"))
    across = max((width + 3) // (cells[0].cell_length + 3), 1)
    rows = [cells[start : start + across] for start in range(0, len(cells), across)]
    return Content("\n").join([own((" │ ", "$frame")).join(row) for row in rows])


def _ratio(ratio: float) -> Content:
    style = "$success" if ratio >= FAR else "$error" if ratio <= -FAR else "$frame-text"
    return own((f"{_signed(ratio):>6}", style))


def _signed(nats: float) -> str:
    """A sign only where there is a difference to be seen."""
    shown = f"{nats:+z.1f}"
    return "0.0" if shown == "+0.0" else shown


def _visible(piece: str) -> str:
    """A blank and a line end can be told from nothing."""
    return piece.replace(" ", "␣").replace("\n", "⏎")

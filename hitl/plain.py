"""Line mode: a person, a pipe or a screen reader judges by lines of text, one line a group."""

from __future__ import annotations

import contextlib
import io
import sys
import threading
import time
from dataclasses import dataclass, replace
from typing import TextIO

from rich.cells import cell_len

from hitl.errors import HitlError
from hitl.feedback.lines import Flag, Help, Note, expected, help_lines, parse_line
from hitl.feedback.places import in_group_order
from hitl.feedback.typed import FeedbackError, normalise
from hitl.operator import (
    Desk,
    Draft,
    Event,
    Judged,
    Notice,
    OwnPrompt,
    Partial,
    Progress,
    Quit,
    Ready,
    Reply,
    Resample,
    Save,
    Saved,
    Tuned,
    Undo,
    Undone,
    Updated,
    Waiting,
)
from hitl.records import Judgement, Mode, UpdateStats
from hitl.scale import Scale
from hitl.text import safe
from hitl.tuning import Tune
from hitl.wording import ENGLISH, Sentence, Translator

_LEVELS = {"warning": Sentence("warning"), "error": Sentence("error")}

_SURROGATES = ("\ud800", "\udfff")

_DOING = {
    "load": Sentence("loading"),
    "sample": Sentence("sampling"),
    "update": Sentence("training"),
    "save": Sentence("saving"),
}


@dataclass(frozen=True)
class Lost:
    """The first line of the input that was not kept."""

    line: int
    """From 1."""
    why: str

    def error(self, command: str, tr: Translator) -> HitlError:
        """What the session ends with; `command` is how to go on."""
        return HitlError(
            tr(
                "line {line} of the input and those after it were not kept ({why}): put that "
                "right, then give them to: {command}",
                line=self.line,
                why=tr.said(self.why),
                command=command,
            )
        )


class PlainOperator:
    """Shows each group as text and reads one line about it. See `hitl.operator.Operator`."""

    def __init__(
        self,
        name: str,
        scale: Scale,
        reader: TextIO,
        writer: TextIO,
        tr: Translator = ENGLISH,
    ) -> None:
        self.name = name
        self._tr = tr
        self.leaving = False
        self._scale = scale
        self._reader = reader
        self._writer = writer
        self._lock = threading.Lock()
        self._gone = False  # nobody reads what is written any more
        self._status_width = 0  # of the progress line that stands on stderr now
        self._batch_size: int | None = 0
        self._on_screen: tuple[Desk, float] | None = None  # and since when
        self._lines = 0  # read
        self.lost: Lost | None = None
        """What a pipe said that was not kept; they leave then."""
        if isinstance(reader, io.TextIOWrapper):
            # A byte that is no text would otherwise take thousands of good lines with it: the
            # wrapper decodes a block at a time. Once something was read it is too late to ask.
            with contextlib.suppress(io.UnsupportedOperation):
                reader.reconfigure(errors="surrogateescape")

    def judge(self, desk: Desk) -> Reply:
        """See Operator. End of input, Ctrl+C and a terminal that went away all quit."""
        try:
            return self._judge(desk)
        except (KeyboardInterrupt, OSError):
            return Quit()

    def leave(self) -> None:
        """They are to go, whatever they do: a signal came."""
        self.leaving = True

    def notify(self, event: Event) -> None:
        """See Operator."""
        if isinstance(event, Notice) and event.lost and not self._reader.isatty():
            # The lines that follow were written for the groups that would have come.
            self.lost = self.lost or Lost(self._lines, event.text)
        try:
            if isinstance(event, (Waiting, Progress)):
                self._status(event)
            elif isinstance(event, (Partial, Ready)):
                return  # what is written on a line stays as it is
            else:
                self._write(*self._lines_of(event))
        except OSError:
            self._gone = True  # the next `judge` quits; an event has nowhere else to go

    # --- one group -----------------------------------------------------------------------------

    def _judge(self, desk: Desk) -> Reply:
        if self._gone or self.leaving or self.lost:
            return Quit()
        since = self._show(desk)
        draft = desk.draft or Draft(("",) * len(desk.group.completions))
        while True:
            try:
                line = self._read_line()
                if line is None:
                    return Quit()
                said = parse_line(line, desk.mode, len(desk.shown), self._scale)
            except FeedbackError as error:
                self._write(self._tr.error(error))
                continue
            match said:
                case Help():
                    self._write(*map(self._tr, help_lines(desk.mode, len(desk.shown), self._scale)))
                case Note(text):
                    draft = replace(draft, note=text)
                    desk.save_draft(draft)
                    self._write(self._note_line(text))
                case Flag():
                    draft = replace(draft, flag=not draft.flag)
                    desk.save_draft(draft)
                    self._write(self._tr("flagged") if draft.flag else self._tr("the flag is off"))
                case Undo() | Resample() | OwnPrompt() | Tune() | Save() | Quit():
                    return said
                case verdict:
                    self._on_screen = None
                    return Judgement(
                        group=desk.group.key,
                        verdict=in_group_order(verdict, desk.shown),
                        operator=self.name,
                        mode=desk.mode,
                        seconds=time.monotonic() - since,
                        keys=line.strip(),
                        shown=desk.shown,
                        note=draft.note,
                        flag=draft.flag,
                    )

    def _show(self, desk: Desk) -> float:
        """Prints the group and what to type; returns when its completions came to be seen."""
        self._batch_size = desk.batch_size
        ask = self._tr(
            "type {what} (or skip, undo, edit, resample, save, quit, help)",
            what=expected(desk.mode, len(desk.shown), self._scale),
        )
        if self._on_screen is not None and _same_view(self._on_screen[0], desk):
            # It is still there: the answer was "save", or an undo that came too late.
            self._write(ask)
            return self._on_screen[1]
        lines = ["", self._tr("prompt: {text}", text=safe(desk.group.prompt.text))]
        for place, index in enumerate(desk.shown, 1):
            lines.append(f"{place}. {safe(desk.group.completions[index].text)}")
        entered = _entered(desk)
        if entered:
            lines.append(self._tr("entered before: {text}", text=safe(entered)))
        if desk.draft is not None:
            if desk.draft.edit:
                lines.append(self._tr("written before: {text}", text=safe(desk.draft.edit)))
            lines += [self._note_line(desk.draft.note)] if desk.draft.note else []
            lines += [self._tr("flagged")] if desk.draft.flag else []
        self._write(*lines, ask)
        since = time.monotonic()
        self._on_screen = desk, since
        return since

    def _read_line(self) -> str | None:
        """The next line, None at the end of input; FeedbackError when it is no text."""
        try:
            self._lines += 1
            line = self._reader.readline()
        except UnicodeDecodeError as error:
            raise self._no_text() from error
        if any(_SURROGATES[0] <= character <= _SURROGATES[1] for character in line):
            raise self._no_text()
        return line or None

    def _no_text(self) -> FeedbackError:
        encoding = getattr(self._reader, "encoding", None) or "utf-8"
        return FeedbackError(
            Sentence("that line is not {encoding} text: type it again, or skip", encoding=encoding)
        )

    # --- lines ---------------------------------------------------------------------------------

    def _lines_of(self, event: Event) -> list[str]:
        match event:
            case Judged(judgement, _, batch_labels):
                return [
                    self._tr(
                        "{kept}, {batch}",
                        kept=self._kept(judgement),
                        batch=self._batch(batch_labels),
                    )
                ]
            case Undone(judgement, batch_labels):
                keys = f": {safe(judgement.keys)}" if judgement.keys else ""
                return [self._tr("taken back") + f"{keys} ({self._batch(batch_labels)})"]
            case Updated(stats, _):
                texts = [stats.own_words, *stats.notices]
                more = (f"  {safe(self._tr.said(text))}" for text in texts if text)
                return [self._update_line(stats), *more]
            case Saved(version):
                return [self._tr("saved, policy version {version}", version=version)]
            case Tuned(tuning):
                return [self._tr("{tuning}, from the next update on", tuning=tuning.sentence)]
            case Notice(text, "info"):
                return [safe(self._tr.said(text))]
            case Notice(text, level):
                said = safe(self._tr.said(text))
                return [self._tr("{level}: {text}", level=_LEVELS.get(level, level), text=said)]
            case _:
                return []

    def _batch(self, labels: int) -> str:
        if self._batch_size is None:
            return self._tr("{count} labels", count=labels)
        if not self._batch_size:
            return self._tr("{count} in the batch", count=labels)
        return self._tr("{count} of {size} in the batch", count=labels, size=self._batch_size)

    def _write(self, *lines: str) -> None:
        if self._gone:
            raise BrokenPipeError
        text = "".join(line + "\n" for line in lines)
        # A terminal of another encoding shows "?" for what it lacks instead of ending the run.
        encoding = getattr(self._writer, "encoding", None) or "utf-8"
        text = text.encode(encoding, "replace").decode(encoding)
        with self._lock:
            self._clear_status()
            self._writer.write(text)
            self._writer.flush()

    def _status(self, event: Waiting | Progress) -> None:
        """One line that is written over, for a person at a terminal and nobody else."""
        if sys.stderr is None or not sys.stderr.isatty():
            return
        if isinstance(event, Waiting):
            text = self._doing(event.reason)
        else:
            stage = self._doing(event.stage)
            text = f"{stage} {event.done}/{event.total}" if event.total else stage
        with self._lock:
            self._clear_status()
            if isinstance(event, Progress) and event.done >= event.total > 0:
                return
            sys.stderr.write(text)
            sys.stderr.flush()
            self._status_width = cell_len(text)

    def _clear_status(self) -> None:
        if self._status_width and sys.stderr is not None:
            sys.stderr.write("\r" + " " * self._status_width + "\r")
            sys.stderr.flush()
            self._status_width = 0

    def _doing(self, stage: str) -> str:
        return self._tr(_DOING[stage]) if stage in _DOING else safe(stage)

    def _note_line(self, note: str) -> str:
        return self._tr("note: {note}", note=safe(note)) if note else self._tr("no note")

    def _kept(self, judgement: Judgement) -> str:
        labels = judgement.labels
        if labels == 0:
            return self._tr("skipped")
        if labels == 1:
            return self._tr("kept 1 label")
        return self._tr("kept {count} labels", count=labels)

    def _update_line(self, stats: UpdateStats) -> str:
        passes = (
            self._tr("1 pass")
            if stats.epochs == 1
            else self._tr("{count} passes", count=stats.epochs)
        )
        return self._tr(
            "update {number}: {labels} labels, reward {reward:.3g} ± {spread:.2g}, KL {kl:.3g} "
            "nats, loss {loss:.3g}, {passes}, {seconds:.1f} s",
            number=stats.number,
            labels=stats.labels,
            reward=stats.reward,
            spread=stats.reward_std,
            kl=stats.sequence_kl,
            loss=stats.policy_loss + stats.value_loss,
            passes=passes,
            seconds=stats.seconds,
        )


def _same_view(before: Desk, now: Desk) -> bool:
    return (before.group.key, before.shown, before.draft) == (now.group.key, now.shown, now.draft)


def _entered(desk: Desk) -> str:
    """The draft as one would type it, "?" where nothing was entered; "" without one."""
    entries = desk.draft.entries if desk.draft is not None else ()
    if not any(entries) or len(entries) != len(desk.group.completions):
        return ""
    by_place = [entries[index] for index in desk.shown]
    if desk.mode is Mode.SCORE:
        return " ".join(normalise(entry) or "?" for entry in by_place)
    # A draft of a ranking holds ranks; the line names completions, best first.
    ranked = sorted((int(e), place) for place, e in enumerate(by_place, 1) if e.isdecimal())
    line = ""
    for position, (rank, place) in enumerate(ranked):
        sign = "" if position == 0 else "=" if rank == ranked[position - 1][0] else ">"
        line += f"{sign}{place}"
    return line

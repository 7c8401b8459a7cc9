"""What judges groups: a person in the TUI, a person at a pipe, or a simulation.

The session knows only this protocol. It calls `judge` from its own thread and waits there; it may
call `notify` from any thread, so `notify` must return at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from hitl.records import Edit, Group, Inspection, Judgement, Mode, Ranking, Scores, UpdateStats
from hitl.tuning import Tune, Tuning
from hitl.wording import Sentence


@dataclass(frozen=True, slots=True)
class Draft:
    """A half-judged group: what was entered so far."""

    entries: tuple[str, ...]
    """One a completion; "" is none yet. A score, or a rank from 1."""
    edit: str = ""
    """The operator's own text; "" is none."""
    note: str = ""
    flag: bool = False

    @classmethod
    def of(cls, judgement: Judgement, size: int) -> Draft:
        """What had been entered for a group of `size` when it was judged so."""
        verdict, edit = judgement.verdict, ""
        if isinstance(verdict, Edit):
            edit, given = verdict.text, verdict.rest
        else:
            given = verdict if isinstance(verdict, Scores | Ranking) else None
        match given:
            case Scores(values):
                entries = tuple("" if v is None else f"{v:g}" for v in values)
            case Ranking(ranks):
                entries = tuple("" if r is None else str(r) for r in ranks)
            case None:
                entries = ("",) * size
        return cls(entries, edit, judgement.note, judgement.flag)

    @classmethod
    def read(cls, strings: tuple[str, ...], size: int) -> Draft:
        """The inverse of `strings`, for a group of `size`."""
        entries = strings[:size] + ("",) * (size - len(strings))
        edit, note, flag = (*strings[size:], "", "", "")[:3]
        return cls(entries, edit, note, bool(flag))

    @property
    def strings(self) -> tuple[str, ...]:
        """As the journal keeps a draft: the entries, then edit, note and flag, if there are any."""
        more = (self.edit, self.note, "flag" if self.flag else "")
        return (*self.entries, *more) if any(more) else self.entries

    @property
    def remarks(self) -> Sentence | None:
        """What it has beside the entries, in words; None for nothing."""
        said = [
            *([Sentence("the flag")] if self.flag else []),
            *([Sentence("your own text")] if self.edit else []),
            *([Sentence("the note “{note}”", note=self.note)] if self.note else []),
        ]
        joined: Sentence | None = None
        for more in said:
            joined = more if joined is None else Sentence("{one}, {more}", one=joined, more=more)
        return joined


@dataclass(frozen=True, slots=True)
class Desk:
    """What lies before the operator."""

    group: Group
    mode: Mode
    shown: tuple[int, ...]
    """Completion index in each place, top to bottom."""
    batch_labels: int
    """Labels that wait for the next update."""
    batch_size: int | None
    """Labels an update learns from; None when nothing is trained."""
    ready: int
    """Groups sampled and waiting behind this one."""
    draft: Draft | None
    """What was entered before the program stopped or the judgement was undone."""
    save_draft: Callable[[Draft], None]
    """Keeps the entries so far; cheap enough for every key."""
    inspect: Callable[[], None] = lambda: None
    """Asks for the group's tokens; returns at once. They come as `Inspected`, after what the engine
    has in hand."""
    contrast: Callable[[Sequence[int]], None] = lambda numbers: None
    """Asks for texts of base policy and policy on the fixed prompts of these numbers, from 1;
    returns at once. They come as one `Contrasted` each, when the engine has nothing else to do; a
    prompt asked for twice comes once."""
    record: Callable[[str, dict[str, Any]], bool] = lambda kind, data: True
    """Writes something down that is no label; False when the journal could not take it."""


@dataclass(frozen=True, slots=True)
class Undo:
    """Take the last judgement back and show its group again."""


@dataclass(frozen=True, slots=True)
class TakeBack:
    """Take this judgement back, whichever it is; its group comes again with what was entered."""

    judgement: int
    """Its number in the journal."""
    now: bool
    """Whether the group comes next, or behind those that are ready."""


@dataclass(frozen=True, slots=True)
class Resample:
    """Put the group away unjudged and sample its prompt again."""


@dataclass(frozen=True, slots=True)
class OwnPrompt:
    """Sample this prompt next; the group that lay there comes after it."""

    text: str


@dataclass(frozen=True, slots=True)
class Save:
    """Write a checkpoint now."""


@dataclass(frozen=True, slots=True)
class Quit:
    """Save and leave."""


Reply = Judgement | Undo | TakeBack | Resample | OwnPrompt | Tune | Save | Quit


@dataclass(frozen=True, slots=True)
class Waiting:
    """No group is ready; `reason` is what the engine does ("load", "sample", "update", "save")."""

    reason: str
    group: tuple[int, int] | None = None
    """The group that comes, when it is a certain one; None: whichever is ready first."""


@dataclass(frozen=True, slots=True)
class Partial:
    """What the completions of a group say so far, while it is sampled. Some fifteen a second come,
    whether anybody waits or not."""

    group: tuple[int, int]
    prompt: str
    texts: tuple[str, ...]
    """By place, top to bottom, as the group will be shown."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The engine is at `done` of `total` steps of `stage` ("load", "sample", "update", "save");
    a `total` of 0 is not known yet."""

    stage: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Ready:
    """So many groups are sampled and wait behind the one that is judged."""

    groups: int


@dataclass(frozen=True, slots=True)
class Judged:
    """The judgement is in the journal; only now may the screen say so."""

    judgement: Judgement
    rewards: tuple[float, ...]
    batch_labels: int


@dataclass(frozen=True, slots=True)
class Rejudged:
    """The group had been judged before and was shown again: in the journal, and no label."""

    judgement: Judgement
    agreement: float | None
    """Share of the pairs told apart both times that came out the same way; None without any."""


@dataclass(frozen=True, slots=True)
class Undone:
    """The judgement was taken back; its group comes again."""

    judgement: Judgement
    batch_labels: int


@dataclass(frozen=True, slots=True)
class Updated:
    """An update is done and in the journal."""

    stats: UpdateStats
    batch_labels: int = 0
    """Labels that wait for the next one: those judged while this one ran."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint is on disk. `version` is the policy's."""

    version: int


@dataclass(frozen=True, slots=True)
class Tuned:
    """A change of options is in the journal; `tuning` holds from the next update on."""

    tuning: Tuning


@dataclass(frozen=True, slots=True)
class Inspected:
    """The tokens of a group, as `Desk.inspect` asked."""

    group: tuple[int, int]
    tokens: Inspection


@dataclass(frozen=True, slots=True)
class Contrasted:
    """What base policy and policy wrote on one fixed prompt with the same random numbers."""

    number: int
    """As `Desk.contrast` named it."""
    version: int
    """Updates the policy has had."""
    prompt: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to know, in plain words. `level` is "info", "warning" or "error"."""

    text: str
    level: str = "info"
    lost: bool = False
    """What the operator said last was not done: who said more without looking, as a pipe does,
    meant it for another group than the one that comes now."""


Event = (
    Waiting
    | Progress
    | Partial
    | Ready
    | Judged
    | Rejudged
    | Undone
    | Updated
    | Saved
    | Tuned
    | Inspected
    | Contrasted
    | Notice
)


class Listener(Protocol):
    """Hears what happens at a run: an operator, or all that are there."""

    @property
    def leaving(self) -> bool:
        """Whether they have asked to go. Work that can be made again any time (loading, updates
        made again from the journal) is broken off then; what they said before is still taken."""

    def notify(self, event: Event) -> None:
        """Tells what happened; called from any thread, returns at once."""


class Operator(Listener, Protocol):
    """Judges groups, one at a time."""

    name: str

    def judge(self, desk: Desk) -> Reply:
        """Blocks until the operator has said something about the desk's group."""

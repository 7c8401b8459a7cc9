"""`hitl show`: one run in figures, and its curves as pictures."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hitl.alarms import Alarm, alarms
from hitl.commands.runs import age
from hitl.config.commands import Show
from hitl.config.session import SessionConfig
from hitl.journal import Totals
from hitl.plots import draw_run
from hitl.quality import Quality, sentences
from hitl.records import UpdateStats
from hitl.run_alarms import writing_of
from hitl.run_quality import quality_of
from hitl.rundir import RunDir
from hitl.runs import RunSummary, summarise
from hitl.salvage import reading
from hitl.text import safe

_ENDLESS = 10_000
"""Cells of a line that no terminal breaks."""


def show(command: Show) -> int:
    """Prints the figures of a run. Nothing but its pictures is written: it may be open."""
    run_dir = RunDir.open(Path(command.root), command.run)
    seen = _seen(run_dir)
    plots = draw_run(run_dir.path / "plots", seen.updates)
    if command.json:
        print(json.dumps(_json(seen, plots), ensure_ascii=False))
        return 0
    for line in _head(seen):
        print(safe(line))
    _table(seen.updates[-command.last :] if command.last else ())
    for line in (*_operator(seen.quality), *_warnings(seen), *_pictures(plots)):
        print(safe(line))
    return 0


@dataclass(frozen=True, slots=True)
class Seen:
    """A run."""

    summary: RunSummary
    config: SessionConfig
    totals: Totals
    updates: Sequence[UpdateStats]
    quality: Quality
    alarms: Sequence[Alarm]


def _seen(run_dir: RunDir) -> Seen:
    config = run_dir.options()
    with reading(run_dir) as journal:
        totals, updates = journal.totals(), journal.updates()
    ppo = config.ppo
    return Seen(
        summary=summarise(run_dir.path),
        config=config,
        totals=totals,
        updates=updates,
        quality=quality_of(run_dir),
        alarms=alarms(updates, ppo.target_kl, ppo.lr, *writing_of(run_dir)),
    )


def _head(seen: Seen) -> Iterator[str]:
    run, config, totals = seen.summary, seen.config, seen.totals
    judged = f"scores {config.scale}" if config.mode == "score" else f"judged by {config.mode}"
    yield (
        f"{run.run}: {run.policy}, {judged}, groups of {config.group_size}, "
        f"{config.batch_size} labels an update"
    )
    state = "intact" if run.intact else f"damaged: {run.problem}"
    yield (
        f"{_count(run.updates, 'update')} of {_count(totals.labels, 'label')}, "
        f"{totals.pending_labels} waiting; {totals.groups} groups; "
        f"written {age(run.age_s)} ago; {state}"
    )


def _table(updates: Sequence[UpdateStats]) -> None:
    if not updates:
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    heads = ("update", "labels", "reward", "KL", "entropy", "value loss", "clipped", "lr", "s")
    for name in heads:
        table.add_column(name, justify="right", no_wrap=name != "reward")
    for stats in updates:
        cells = (
            f"{stats.number}",
            f"{stats.labels}",
            f"{stats.reward:.2f} ± {stats.reward_std:.1f}",
            f"{stats.sequence_kl:.2f}",
            f"{stats.entropy:.2f}",
            f"{stats.value_loss:.3g}",
            f"{stats.clip_fraction:.0%}",
            f"{stats.lr:.1e}",
            f"{stats.seconds:.1f}",
        )
        table.add_row(*map(Text, cells))
    print()
    console = Console()
    endless = console.options.update(width=_ENDLESS)
    if not sys.stdout.isatty():  # a pipe has no width
        console.width = _ENDLESS
    elif console.measure(table, options=endless).maximum > console.width:
        table.padding = (0, 1, 0, 0)  # one space between columns, not two
        for column, name in zip(table.columns, heads, strict=True):
            column.header = name.replace(" ", "\n")
    # No number is ever cut: mean and deviation take two lines where they must, and a line that is
    # still too long is broken by the terminal.
    console.width = max(console.width, console.measure(table, options=endless).minimum)
    console.print(table, crop=False)
    notes = [
        (stats.number, note) for stats in updates for note in (stats.own_words, *stats.notices)
    ]
    for number, note in notes:
        if note:
            print(safe(f"update {number}: {note}"))


def _operator(found: Quality) -> Iterator[str]:
    if found.judgements:
        yield ""
        yield "who judged:"
        yield from (f"  {line}" for line in sentences(found))


def _warnings(seen: Seen) -> Iterator[str]:
    if seen.alarms:
        yield ""
    for alarm in seen.alarms:
        yield f"! {alarm.name}: {alarm.what}"
        yield f"  {alarm.do}"


def _pictures(plots: Sequence[Path]) -> Iterator[str]:
    if plots:
        yield ""
        yield f"pictures: {' '.join(map(str, plots))}"


def _json(seen: Seen, plots: Sequence[Path]) -> dict[str, Any]:
    run, totals = seen.summary, seen.totals
    figures = {
        "run": run.run,
        "policy": run.policy,
        "lang": run.lang,
        "mode": run.mode,
        "updates": run.updates,
        "labels": totals.labels,
        "pending_labels": totals.pending_labels,
        "judgements": totals.judgements,
        "keystrokes": totals.keystrokes,
        "seconds": totals.seconds,
        "reward": run.reward,
        "age_s": run.age_s,
        "intact": run.intact,
        "problem": run.problem,
        "operator": dataclasses.asdict(seen.quality),
        "alarms": [dataclasses.asdict(alarm) for alarm in seen.alarms],
        "history": [dataclasses.asdict(stats) for stats in seen.updates],
        "plots": [str(path) for path in plots],
    }
    return {key: _known(value) for key, value in figures.items()}


def _known(value: Any) -> Any:
    """JSON has no NaN: null."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {key: _known(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_known(inner) for inner in value]
        case _:
            return value


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"

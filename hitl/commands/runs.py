"""`hitl runs`: what there is to resume."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from hitl.config.commands import Runs
from hitl.runs import RunSummary, list_runs
from hitl.text import safe

_JSON_KEYS = ("run", "policy", "updates", "labels", "reward", "age_s", "intact")


def runs(command: Runs) -> int:
    """Prints a table, or one JSON list."""
    found = list_runs(Path(command.root))
    if command.json:
        rows = [dataclasses.asdict(run) for run in found]
        print(json.dumps([{key: row[key] for key in _JSON_KEYS} for row in rows]))
    elif not found:
        print(f"no runs in {command.root} yet: `hitl train` begins one")
    else:
        _table(found)
    return 0


def _table(found: list[RunSummary]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console()
    # A pipe has no width.
    for number, line in enumerate(_lines(found, console.width if sys.stdout.isatty() else None)):
        console.print(Text(line, style="" if number else "bold"), soft_wrap=True)


_HEADS = ("run", "policy", "updates", "labels", "mean reward", "age", "")
_RIGHT = range(2, 6)
_GAP = 2
_POLICY = 8
"""Cells a policy has at least: its name may be a long path, and is not what one must type."""


def _lines(found: list[RunSummary], room: int | None) -> Iterator[str]:
    """A table in `room` cells, as far as can be. The name of a run is never cut, for it is what one
    must type: one that is too long has a line of its own, as what is wrong with a run has."""
    from rich.cells import cell_len

    rows = [_cells(run) for run in found]
    widths = [max(map(cell_len, column)) for column in zip(_HEADS, *rows, strict=True)]
    if room is not None:
        # First the policy gives way, then the column of names.
        for column, least in ((1, _POLICY), (0, len(_HEADS[0]))):
            over = sum(widths) + _GAP * (len(widths) - 1) - room
            widths[column] = min(widths[column], max(widths[column] - max(over, 0), least))
    yield _line(_HEADS, widths)
    for run, (name, *rest) in zip(found, rows, strict=True):
        if cell_len(name) > widths[0]:
            yield name
            name = ""
        yield _line((name, *rest), widths)
        if not run.intact and run.problem:
            yield f"  {safe(run.problem)}"


def _cells(run: RunSummary) -> tuple[str, ...]:
    reward = "-" if run.reward is None else f"{run.reward:.2f}"
    figures = (str(run.updates), str(run.labels), reward, age(run.age_s))
    state = "intact" if run.intact else "damaged"
    return (safe(run.run), safe(run.policy), *figures, state)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    from rich.cells import cell_len, set_cell_size

    told = []
    for column, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        if cell_len(cell) > width:
            cell = f"{set_cell_size(cell, width - 1)}…"
        space = " " * (width - cell_len(cell))
        told.append(space + cell if column in _RIGHT else cell + space)
    return (" " * _GAP).join(told).rstrip()


def age(seconds: float) -> str:
    """12 s, 3 min, 5 h, 2 d."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"

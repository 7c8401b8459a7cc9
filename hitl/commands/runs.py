"""`hitl runs`: what there is to resume."""

from __future__ import annotations

import dataclasses
import json
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
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for name, right in (("run", False), ("policy", False), ("updates", True), ("labels", True),
                        ("mean reward", True), ("age", True), ("", False)):  # fmt: skip
        table.add_column(name, justify="right" if right else "left")
    for run in found:
        reward = "-" if run.reward is None else f"{run.reward:.2f}"
        state = "intact" if run.intact else run.problem or "damaged"
        cells = (
            run.run,
            run.policy,
            str(run.updates),
            str(run.labels),
            reward,
            age(run.age_s),
            state,
        )
        table.add_row(*(Text(safe(cell)) for cell in cells))
    Console().print(table)


def age(seconds: float) -> str:
    """12 s, 3 min, 5 h, 2 d."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"

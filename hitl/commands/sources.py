"""What a DATA word of the command line stands for, as the trainings want it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from hitl.data.kinds import Kind, run_of
from hitl.data.preferences import preference_pairs
from hitl.data.ranked import Ranked
from hitl.data.ranklists import rank_lists
from hitl.data.rows import Account, BadRows
from hitl.errors import UsageError
from hitl.export import ranked
from hitl.language import language_of
from hitl.opening import config_of
from hitl.salvage import reading
from hitl.wording import Language

Rankings = Callable[[], Iterator[Ranked]]
"""Reads the data anew each time."""


def rankings(data: str, kind: Kind, root: Path, bad_rows: BadRows) -> Rankings:
    """What rank lists, preferences or a run say. Bad rows are told on standard error; under
    "refuse" reading ends with DataError."""

    def of_run() -> Iterator[Ranked]:
        run = run_of(data, root)
        if run is None:
            raise UsageError(f"there is no run {data} in {root}: `hitl runs` lists those there are")
        with reading(run) as journal:
            found = list(ranked(journal.texts()))
        if not found:
            raise UsageError(
                f"nothing was found better than anything else in run {run.name}: judge some groups"
            )
        return iter(found)

    def of_file() -> Iterator[Ranked]:
        account = Account(Path(data))
        reader = rank_lists if kind == "ranklist" else preference_pairs
        yield from reader(account.path, account)
        account.settle(bad_rows)
        for line in account.lines():
            print(line, file=sys.stderr)

    return of_run if kind == "run" else of_file


def language_in(data: str, kind: Kind, root: Path) -> Language:
    """The language of a run, or of the first texts of a file."""
    run = run_of(data, root) if kind == "run" else None
    if run is not None:
        lang = config_of(run).lang
        assert lang != "auto"  # resolved when the run was made
        return lang
    path = Path(data)
    reader = rank_lists if kind == "ranklist" else preference_pairs
    return language_of(
        text for one in reader(path, Account(path)) for tier in one.texts for text in tier
    )

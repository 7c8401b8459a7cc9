"""A run in figures."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from hitl.journal import queries


@dataclass(frozen=True, slots=True)
class Totals:
    """The run in figures. Groups, judgements, labels and effort are of the whole journal, the
    rest of the current branch."""

    groups: int
    """Groups sampled, those put away included."""
    judgements: int
    """Live judgements: those taken back do not count."""
    labels: int
    """Labels in the live judgements."""
    updates: int
    """Number of the last update."""
    keystrokes: int
    """Characters in the raw keys of all judgements: effort spent, taken back or not."""
    seconds: float
    """From the groups' appearance to the commits, of all judgements, taken back or not."""
    pending_labels: int
    """Labels that wait for the next update."""
    reward: float | None
    """Mean reward of the last update; None when there is none."""


def read_totals(db: sqlite3.Connection) -> Totals:
    """The figures of an open journal.db, inside a transaction."""
    last = queries.last_update(db)
    groups = queries.integer(db.execute("SELECT count(*) FROM groups WHERE replaced = 0"))
    judgements, labels, keystrokes, seconds = db.execute(
        "SELECT coalesce(sum(undone IS NULL), 0), "
        "coalesce(sum(labels * (undone IS NULL)), 0), coalesce(sum(keystrokes), 0), "
        "coalesce(sum(seconds), 0.0) FROM judgements"
    ).fetchone()
    waiting = queries.integer(
        db.execute(
            f"SELECT sum(labels) FROM judgements WHERE branch = ? AND {queries.PENDING}",
            (queries.current_branch(db),),
        )
    )
    reward = None
    if last:
        reward = queries.read_stats(db, *queries.update_row(db, last)).reward
    return Totals(groups, judgements, labels, last, keystrokes, seconds, waiting, reward)

"""Updates, branches and other events of a run. All run inside a transaction."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hitl.journal import queries, rows
from hitl.journal.rows import JournalError
from hitl.records import JudgedGroup, UpdateStats


@dataclass(frozen=True, slots=True)
class Entry:
    """Something else that happened to the run, such as a changed option."""

    kind: str
    data: dict[str, Any]
    after_update: int
    """Updates the policy had had."""
    created: float
    """Unix time, seconds."""


def record_update(db: sqlite3.Connection, stats: UpdateStats, judgement_ids: Sequence[int]) -> None:
    """See Journal.record_update."""
    last = queries.last_update(db)
    if 1 <= stats.number <= last:
        update_id, _, _ = queries.update_row(db, stats.number)
        if queries.consumed(db, update_id) == list(judgement_ids):
            return
        raise JournalError(
            f"update {stats.number} is in the journal already, with other judgements"
        )
    if stats.number != last + 1:
        raise JournalError(f"update {stats.number} cannot be recorded: the next one is {last + 1}")
    queries.require_pending(db, judgement_ids)
    text = rows.stats_json(stats)
    cursor = db.execute(
        "INSERT INTO updates (branch, number, stats, crc, created) VALUES (?, ?, ?, ?, ?)",
        (
            queries.current_branch(db),
            stats.number,
            text,
            rows.stats_checksum(text, judgement_ids),
            time.time(),
        ),
    )
    db.executemany(
        "UPDATE judgements SET update_id = ?, position = ? WHERE id = ?",
        [(cursor.lastrowid, place, i) for place, i in enumerate(judgement_ids)],
    )


def updates(db: sqlite3.Connection) -> list[UpdateStats]:
    """See Journal.updates."""
    found = []
    for low, high, branch in queries.lineage(db):
        for identity, text, crc in db.execute(
            "SELECT id, stats, crc FROM updates WHERE branch = ? "
            "AND number > ? AND number <= ? ORDER BY number",
            (branch, low, high),
        ).fetchall():
            found.append(queries.read_stats(db, identity, text, crc))
    return found


def update_batch(db: sqlite3.Connection, number: int) -> list[JudgedGroup]:
    """See Journal.update_batch."""
    identity, text, crc = queries.update_row(db, number)
    queries.read_stats(db, identity, text, crc)
    return queries.judged(db, "j.update_id = ? ORDER BY j.position", (identity,))


def rollback(db: sqlite3.Connection, at: int) -> None:
    """See Journal.rollback."""
    last = queries.last_update(db)
    if not 0 <= at <= last:
        raise JournalError(
            f"the run cannot go back to update {at}: it has had {last} (0 is the start)"
        )
    parent = queries.current_branch(db)
    branch = parent + 1
    db.execute(
        "INSERT INTO branches (id, parent, at_update, crc, created) VALUES (?, ?, ?, ?, ?)",
        (branch, parent, at, rows.checksum((branch, parent, at)), time.time()),
    )


def event(db: sqlite3.Connection, kind: str, data: dict[str, Any]) -> None:
    """See Journal.event."""
    row = (queries.current_branch(db), queries.last_update(db), kind, rows.to_json(data))
    db.execute(
        "INSERT INTO events (branch, after_update, kind, data, crc, created) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (*row, rows.checksum(row), time.time()),
    )


def events(db: sqlite3.Connection) -> list[Entry]:
    """See Journal.events."""
    ways = {branch: high for _, high, branch in queries.lineage(db)}
    entries = []
    for identity, *row, crc, created in db.execute(
        "SELECT id, branch, after_update, kind, data, crc, created FROM events ORDER BY id"
    ):
        if rows.checksum(tuple(row)) != crc:
            raise rows.damaged(f"event {identity}")
        branch, after, kind, data = row
        # An event after the very update of a rollback was of the road not taken.
        if branch in ways and after < ways[branch]:
            entries.append(Entry(kind, json.loads(data), after, created))
    return entries

"""Judgements: given, taken back, set aside, waiting. All run inside a transaction."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence

from hitl.journal import queries, rows
from hitl.journal.rows import JournalError
from hitl.records import Edit, JudgedGroup, Judgement, Ranking, Rejected, Scores


def append(db: sqlite3.Connection, judgement: Judgement) -> int:
    """See Journal.append."""
    identity = queries.open_group(db, judgement.group)
    size = queries.integer(
        db.execute("SELECT count(*) FROM completions WHERE group_id = ?", (identity,))
    )
    match judgement.verdict:
        case Scores(given) | Ranking(given) | Edit(rest=Scores(given) | Ranking(given)):
            judged = len(given)
        case Rejected(count):
            judged = count
        case _:
            judged = size
    if judged != size:
        raise JournalError(
            f"group {judgement.group[0]} has {size} completions, but {judged} were judged"
        )
    cursor = db.execute(
        f"INSERT INTO judgements (group_id, branch, {rows.JUDGEMENT_COLUMNS}, created) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (identity, queries.current_branch(db), *rows.judgement_row(judgement), time.time()),
    )
    db.execute("DELETE FROM drafts WHERE group_id = ?", (identity,))
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def undo(db: sqlite3.Connection, judgement_id: int) -> None:
    """See Journal.undo."""
    found = db.execute(
        "SELECT undone, update_id FROM judgements WHERE id = ?", (judgement_id,)
    ).fetchone()
    if found is None:
        raise JournalError(f"there is no judgement {judgement_id} to take back")
    undone, update = found
    if update is not None:
        raise JournalError(f"judgement {judgement_id} is already trained: it stays")
    if undone is not None:
        raise JournalError(f"judgement {judgement_id} was taken back already")
    db.execute("UPDATE judgements SET undone = ? WHERE id = ?", (time.time(), judgement_id))


def set_aside(db: sqlite3.Connection, judgement_ids: Sequence[int], reason: str) -> None:
    """See Journal.set_aside."""
    queries.require_pending(db, judgement_ids)
    db.executemany(
        "UPDATE judgements SET aside = ? WHERE id = ?",
        [(reason, identity) for identity in judgement_ids],
    )


def is_set_aside(db: sqlite3.Connection, judgement_id: int) -> bool:
    """See Journal.is_set_aside."""
    found = db.execute("SELECT aside FROM judgements WHERE id = ?", (judgement_id,)).fetchone()
    return found is not None and found[0] is not None


def pending(db: sqlite3.Connection, limit: int = -1) -> list[JudgedGroup]:
    """See Journal.pending."""
    return queries.judged(
        db,
        f"j.branch = ? AND {queries.PENDING} ORDER BY j.id LIMIT ?",
        (queries.current_branch(db), limit),
    )


def pending_labels(db: sqlite3.Connection, but: Sequence[int]) -> int:
    """See Journal.pending_labels."""
    marks = ", ".join("?" * len(but))
    return queries.integer(
        db.execute(
            f"SELECT sum(labels) FROM judgements WHERE branch = ? AND {queries.PENDING} "
            f"AND id NOT IN ({marks})",
            (queries.current_branch(db), *but),
        )
    )


def last_judged(db: sqlite3.Connection, operator: str | None = None) -> JudgedGroup | None:
    """See Journal.last_judged."""
    whose, name = ("", ()) if operator is None else ("AND j.operator = ? ", (operator,))
    found = queries.judged(
        db,
        f"j.branch = ? AND undone IS NULL {whose}ORDER BY j.id DESC LIMIT 1",
        (queries.current_branch(db), *name),
    )
    return found[0] if found else None


def judged(db: sqlite3.Connection, offset: int = 0, limit: int = -1) -> list[JudgedGroup]:
    """See Journal.judged."""
    # The ids first: skipping over whole rows would read their texts.
    return queries.judged(
        db,
        "j.id IN (SELECT id FROM judgements WHERE undone IS NULL "
        "ORDER BY id DESC LIMIT ? OFFSET ?) ORDER BY j.id DESC",
        (limit, offset),
    )

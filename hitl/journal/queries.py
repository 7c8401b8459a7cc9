"""Questions to an open journal.db, and its rows as records. All run inside a transaction."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from typing import Any

from hitl.journal import rows
from hitl.journal.rows import JournalError
from hitl.records import Group, JudgedGroup, UpdateStats

Key = tuple[int, int]

PENDING = "undone IS NULL AND aside IS NULL AND update_id IS NULL"
"""Of a judgement: it waits for an update."""


class NotOpen(JournalError):
    """The group is not one that can be judged."""


def current_branch(db: sqlite3.Connection) -> int:
    """The branch that the run goes on with."""
    return integer(db.execute("SELECT max(id) FROM branches"))


def lineage(db: sqlite3.Connection) -> list[tuple[int, int, int]]:
    """(low, high, branch) from the root: its updates in (low, high] led to where we are."""
    branch: int | None = current_branch(db)
    parts: list[tuple[int, int, int]] = []
    high = (1 << 63) - 1
    while branch is not None:
        found = db.execute(
            "SELECT parent, at_update, crc FROM branches WHERE id = ?", (branch,)
        ).fetchone()
        if found is None or rows.checksum((branch, *found[:2])) != found[2]:
            raise rows.damaged(f"branch {branch}")
        parent, low, _ = found
        parts.append((low, high, branch))
        branch, high = parent, min(high, low)
    return parts[::-1]


def updates_of_the_line(db: sqlite3.Connection) -> str:
    """A SELECT of the row ids of those updates that led to where the run is."""
    parts = (
        f"(branch = {branch} AND number > {low} AND number <= {high})"
        for low, high, branch in lineage(db)
    )
    return f"SELECT id FROM updates WHERE {' OR '.join(parts)}"


def last_update(db: sqlite3.Connection) -> int:
    """Number of the last update of the current branch, its part of the parents' included."""
    low, _, branch = lineage(db)[-1]
    return max(
        low, integer(db.execute("SELECT max(number) FROM updates WHERE branch = ?", (branch,)))
    )


def update_row(db: sqlite3.Connection, number: int) -> tuple[int, str, int]:
    """(id, stats, crc) of an update of the current line."""
    for low, high, branch in lineage(db):
        if low < number <= high:
            found = db.execute(
                "SELECT id, stats, crc FROM updates WHERE branch = ? AND number = ?",
                (branch, number),
            ).fetchone()
            if found is not None:
                identity, text, crc = found
                return identity, text, crc
    raise JournalError(f"there is no update {number} in the journal")


def read_stats(db: sqlite3.Connection, identity: int, text: str, crc: int) -> UpdateStats:
    """Raises JournalError when the row, or what the update consumed, is not what was written."""
    if rows.stats_checksum(text, consumed(db, identity)) != crc:
        raise rows.damaged(f"update {identity}")
    return rows.read_stats(text)


def consumed(db: sqlite3.Connection, update_id: int) -> list[int]:
    """Ids of the judgements an update consumed, in the order of the batch."""
    found = db.execute(
        "SELECT id FROM judgements WHERE update_id = ? ORDER BY position", (update_id,)
    )
    return [identity for (identity,) in found]


def open_group(db: sqlite3.Connection, key: Key) -> int:
    """Row id of a group that waits for a judgement. Raises NotOpen."""
    found = db.execute(
        "SELECT id, branch, put_away, EXISTS "
        "(SELECT 1 FROM judgements WHERE group_id = g.id AND undone IS NULL) "
        "FROM groups g WHERE number = ? AND attempt = ? AND replaced = 0",
        key,
    ).fetchone()
    name = f"group {key[0]}" + (f" (attempt {key[1]})" if key[1] else "")
    if found is None:
        raise NotOpen(f"{name} is not in the journal: it was never sampled")
    identity, branch, put_away, is_judged = found
    if branch != current_branch(db):
        raise NotOpen(f"{name} is of a branch that was rolled back")
    if put_away is not None:
        raise NotOpen(f"{name} was put away ({put_away})")
    if is_judged:
        raise NotOpen(f"{name} is judged already: take the judgement back first")
    return int(identity)


def require_pending(db: sqlite3.Connection, judgement_ids: Sequence[int]) -> None:
    """Raises JournalError unless each is different and waits for an update of this branch."""
    branch = current_branch(db)
    if len(set(judgement_ids)) != len(judgement_ids):
        raise JournalError("a judgement is named twice for one update")
    for identity in judgement_ids:
        if not db.execute(
            f"SELECT 1 FROM judgements WHERE id = ? AND branch = ? AND {PENDING}",
            (identity, branch),
        ).fetchone():
            raise JournalError(
                f"judgement {identity} does not wait for an update: "
                "it is trained, taken back, set aside or unknown"
            )


def insert_group(db: sqlite3.Connection, branch: int, group: Group) -> None:
    """Writes a group and its completions."""
    head, completions = rows.group_rows(group)
    cursor = db.execute(
        f"INSERT INTO groups (branch, {rows.GROUP_COLUMNS}, created) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (branch, *head, time.time()),
    )
    db.executemany(
        f"INSERT INTO completions (group_id, position, {rows.COMPLETION_COLUMNS}) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(cursor.lastrowid, place, *row) for place, row in enumerate(completions)],
    )


def read_group(db: sqlite3.Connection, row: Sequence[Any]) -> Group:
    """A group from (id, *GROUP_COLUMNS), with its completions."""
    return rows.read_group(
        row[1:],
        db.execute(
            f"SELECT {rows.COMPLETION_COLUMNS} FROM completions WHERE group_id = ? "
            "ORDER BY position",
            (row[0],),
        ),
    )


def judged(db: sqlite3.Connection, where: str, values: Sequence[rows.Value]) -> list[JudgedGroup]:
    """Judgements j with their groups g, by what follows WHERE."""
    judgement_columns = columns_of("j", rows.JUDGEMENT_COLUMNS)
    count = len(rows.JUDGEMENT_COLUMNS.split(", "))
    found = db.execute(
        f"SELECT j.id, {judgement_columns}, g.id, {columns_of('g', rows.GROUP_COLUMNS)} "
        f"FROM judgements j JOIN groups g ON g.id = j.group_id WHERE {where}",
        values,
    ).fetchall()
    read = []
    for identity, *rest in found:
        group = read_group(db, rest[count:])
        judgement = rows.read_judgement(rest[:count], group.key)
        read.append(JudgedGroup(identity, group, judgement))
    return read


def columns_of(table: str, columns: str) -> str:
    """The columns of a list, each with its table before it."""
    return ", ".join(f"{table}.{column}" for column in columns.split(", "))


def integer(cursor: sqlite3.Cursor) -> int:
    """The one number a query gives; 0 for none."""
    row = cursor.fetchone()
    return 0 if row is None or row[0] is None else int(row[0])

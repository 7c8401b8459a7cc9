"""Sampled groups and what was entered for them so far. All run inside a transaction."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Sequence

from hitl.journal import queries, rows
from hitl.journal.queries import Key
from hitl.journal.rows import JournalError
from hitl.records import Group


def add_groups(db: sqlite3.Connection, groups: Sequence[Group]) -> None:
    """See Journal.add_groups."""
    branch = queries.current_branch(db)
    for group in groups:
        found = db.execute(
            "SELECT id, branch, policy_version, put_away IS NULL AND NOT EXISTS "
            "(SELECT 1 FROM judgements WHERE group_id = g.id AND undone IS NULL) "
            "FROM groups g WHERE number = ? AND attempt = ? AND replaced = 0",
            group.key,
        ).fetchone()
        if found is not None:
            identity, owner, version, is_open = found
            if owner != branch:
                raise JournalError(
                    f"group {group.prompt.number} is of a branch that was rolled back: "
                    "number new groups after `last_group_number`"
                )
            if not is_open or group.policy_version <= version:
                continue
            db.execute("UPDATE groups SET replaced = 1 WHERE id = ?", (identity,))
            db.execute("DELETE FROM drafts WHERE group_id = ?", (identity,))
        queries.insert_group(db, branch, group)


def drop_group(db: sqlite3.Connection, key: Key, reason: str) -> None:
    """See Journal.drop_group."""
    identity = queries.open_group(db, key)
    db.execute("UPDATE groups SET put_away = ? WHERE id = ?", (reason, identity))
    db.execute("DELETE FROM drafts WHERE group_id = ?", (identity,))


def open_groups(db: sqlite3.Connection) -> list[Group]:
    """See Journal.open_groups."""
    found = db.execute(
        f"SELECT id, {rows.GROUP_COLUMNS} FROM groups g WHERE branch = ? "
        "AND put_away IS NULL AND replaced = 0 AND NOT EXISTS "
        "(SELECT 1 FROM judgements WHERE group_id = g.id AND undone IS NULL) "
        "ORDER BY number, attempt",
        (queries.current_branch(db),),
    ).fetchall()
    return [queries.read_group(db, row) for row in found]


def last_group_number(db: sqlite3.Connection) -> int:
    """See Journal.last_group_number."""
    return queries.integer(db.execute("SELECT max(number) FROM groups WHERE replaced = 0"))


def save_draft(db: sqlite3.Connection, key: Key, entries: tuple[str, ...]) -> None:
    """See Journal.save_draft."""
    with contextlib.suppress(queries.NotOpen):
        db.execute(
            "INSERT OR REPLACE INTO drafts (group_id, entries) VALUES (?, ?)",
            (queries.open_group(db, key), rows.to_json(list(entries))),
        )


def draft(db: sqlite3.Connection, key: Key) -> tuple[str, ...] | None:
    """See Journal.draft."""
    found = db.execute(
        "SELECT entries FROM drafts JOIN groups ON groups.id = group_id "
        "WHERE number = ? AND attempt = ? AND replaced = 0",
        key,
    ).fetchone()
    try:
        return None if found is None else tuple(map(str, json.loads(found[0])))
    except (TypeError, ValueError):  # a draft has no checksum, and is not worth a complaint
        return None

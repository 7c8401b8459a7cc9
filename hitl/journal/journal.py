"""The journal: every group, judgement and update of a run, on disk before it is acknowledged.

A run is its base policy, its config and this file. What a method has written is committed and
synced when it returns. Methods may be called from any thread. Nothing is ever deleted: a judgement
taken back, a group put away and a branch left behind by a rollback keep their rows.

Every method raises JournalError when the file cannot be read or written.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from hitl.faultpoints import reach
from hitl.journal import listing, queries, rows
from hitl.journal.file import connect, connect_readonly, translated
from hitl.journal.listing import Filter, Listed
from hitl.journal.queries import Key
from hitl.journal.rows import JournalError
from hitl.journal.totals import Totals, read_totals
from hitl.records import (
    Edit,
    Group,
    JudgedGroup,
    Judgement,
    Ranking,
    Rejected,
    Scores,
    UpdateStats,
)


@dataclass(frozen=True, slots=True)
class Entry:
    """Something else that happened to the run, such as a changed option."""

    kind: str
    data: dict[str, Any]
    after_update: int
    """Updates the policy had had."""
    created: float
    """Unix time, seconds."""


class Journal:
    """One journal.db. Use `Journal.open`."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.path = path
        self._db = connection
        self._lock = threading.RLock()

    @classmethod
    def open(cls, path: Path, *, create: bool = False, readonly: bool = False) -> Journal:
        """Opens `path`; with `create` a missing file is made. `readonly` looks at the journal of
        a run that another process may have open.

        A file that is no journal, is damaged, empty or of a newer version is refused and left as
        it is.
        """
        if readonly:
            return cls(connect_readonly(path), path)
        return cls(connect(path, create=create), path)

    def close(self) -> None:
        """Nothing is lost without it; the log beside the file is folded in."""
        with self._lock, translated(self.path):
            self._db.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # Groups

    def add_groups(self, groups: Sequence[Group]) -> None:
        """Writes sampled groups, all or none. A group that is there already is left alone, but an
        unjudged one gives way to the same group sampled by a newer policy version.

        So do not sample again what is on the operator's screen. Raises JournalError when a number
        was used on a branch that was left.
        """
        with self._writing() as db:
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

    def drop_group(self, key: Key, reason: str) -> None:
        """Puts an open group away unjudged. Raises JournalError when it is not open."""
        with self._writing() as db:
            identity = queries.open_group(db, key)
            db.execute("UPDATE groups SET put_away = ? WHERE id = ?", (reason, identity))
            db.execute("DELETE FROM drafts WHERE group_id = ?", (identity,))

    def open_groups(self) -> list[Group]:
        """Groups that wait for a judgement, by number and attempt; one whose judgement was taken
        back is among them."""
        with self._reading() as db:
            found = db.execute(
                f"SELECT id, {rows.GROUP_COLUMNS} FROM groups g WHERE branch = ? "
                "AND put_away IS NULL AND replaced = 0 AND NOT EXISTS "
                "(SELECT 1 FROM judgements WHERE group_id = g.id AND undone IS NULL) "
                "ORDER BY number, attempt",
                (queries.current_branch(db),),
            ).fetchall()
            return [queries.read_group(db, row) for row in found]

    def last_group_number(self) -> int:
        """The highest number ever given to a group, on any branch; 0 when there is none."""
        with self._reading() as db:
            return queries.integer(db.execute("SELECT max(number) FROM groups WHERE replaced = 0"))

    def save_draft(self, key: Key, entries: tuple[str, ...]) -> None:
        """Keeps what was entered for an open group so far; of no other group. For every key: it
        survives the process at once, and a power cut from the next judgement on."""
        with self._lock, translated(self.path):
            # Not worth a disk write a key. A later commit syncs the log up to and with this.
            self._db.execute("PRAGMA synchronous = NORMAL")
            try:
                with self._writing() as db, contextlib.suppress(queries.NotOpen):
                    db.execute(
                        "INSERT OR REPLACE INTO drafts (group_id, entries) VALUES (?, ?)",
                        (queries.open_group(db, key), rows.to_json(list(entries))),
                    )
            finally:
                self._db.execute("PRAGMA synchronous = FULL")

    def draft(self, key: Key) -> tuple[str, ...] | None:
        """What `save_draft` kept last, until the group was judged, dropped or replaced."""
        with self._reading() as db:
            found = db.execute(
                "SELECT entries FROM drafts JOIN groups ON groups.id = group_id "
                "WHERE number = ? AND attempt = ? AND replaced = 0",
                key,
            ).fetchone()
        try:
            return None if found is None else tuple(map(str, json.loads(found[0])))
        except (TypeError, ValueError):  # a draft has no checksum, and is not worth a complaint
            return None

    # Judgements

    def append(self, judgement: Judgement) -> int:
        """Writes a judgement of an open group; returns its id. It is on disk then.

        Raises JournalError when the group is unknown, put away or judged already, or has another
        number of completions than the judgement.
        """
        with self._writing() as db:
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

    def undo(self, judgement_id: int) -> None:
        """Takes a judgement back; its group is open again.

        Raises JournalError when an update has consumed it ("already trained"), or when it is
        unknown or taken back already.
        """
        with self._writing() as db:
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

    def set_aside(self, judgement_ids: Sequence[int], reason: str) -> None:
        """Keeps pending judgements away from every update, as when they made one not a number.

        Raises JournalError when one of them is not pending; then none is set aside.
        """
        with self._writing() as db:
            queries.require_pending(db, judgement_ids)
            db.executemany(
                "UPDATE judgements SET aside = ? WHERE id = ?",
                [(reason, identity) for identity in judgement_ids],
            )

    def pending(self, limit: int = -1) -> list[JudgedGroup]:
        """What waits for the next update, skips included, in the order of judgement; the first
        `limit`, -1 is all. (For the labels alone, `totals` is quicker when thousands wait.)"""
        with self._reading() as db:
            return queries.judged(
                db,
                f"j.branch = ? AND {queries.PENDING} ORDER BY j.id LIMIT ?",
                (queries.current_branch(db), limit),
            )

    def pending_labels(self, but: Sequence[int] = ()) -> int:
        """Labels in what waits for the next update, the judgements `but` left out."""
        marks = ", ".join("?" * len(but))
        with self._reading() as db:
            return queries.integer(
                db.execute(
                    f"SELECT sum(labels) FROM judgements WHERE branch = ? AND {queries.PENDING} "
                    f"AND id NOT IN ({marks})",
                    (queries.current_branch(db), *but),
                )
            )

    def last_judged(self) -> JudgedGroup | None:
        """The last judgement of the current branch that was not taken back, consumed or not."""
        with self._reading() as db:
            found = queries.judged(
                db,
                "j.branch = ? AND undone IS NULL ORDER BY j.id DESC LIMIT 1",
                (queries.current_branch(db),),
            )
            return found[0] if found else None

    def judged(self, offset: int = 0, limit: int = -1) -> list[JudgedGroup]:
        """Live judgements of all branches, newest first; `limit` -1 is all of them."""
        with self._reading() as db:
            # The ids first: skipping over whole rows would read their texts.
            return queries.judged(
                db,
                "j.id IN (SELECT id FROM judgements WHERE undone IS NULL "
                "ORDER BY id DESC LIMIT ? OFFSET ?) ORDER BY j.id DESC",
                (limit, offset),
            )

    def find(self, judgement_id: int) -> JudgedGroup | None:
        """A live judgement with its group; None when there is none of this number."""
        with self._reading() as db:
            return listing.find(db, judgement_id)

    def listed(self, which: Filter, offset: int, limit: int) -> list[Listed]:
        """Live judgements of all branches that pass the filter, newest first, in a line each."""
        with self._reading() as db:
            return listing.page(db, which, offset, limit)

    def filtered(self, which: Filter) -> list[JudgedGroup]:
        """The same with their groups, all of them."""
        with self._reading() as db:
            return listing.judged(db, which)

    def judgements(self, after: int = 0) -> list[Judgement]:
        """Live judgements with a number above `after`, oldest first, without their groups."""
        with self._reading() as db:
            return listing.judgements(db, after)

    def token_ids(self, limit: int, *, newest: bool) -> list[tuple[int, ...]]:
        """(T,) of each of the newest completions of this branch, or of the first that the base
        policy wrote; `limit` at most."""
        with self._reading() as db:
            return listing.token_ids(db, limit, newest=newest)

    def count(self, which: Filter) -> int:
        """How many `listed` has in all."""
        with self._reading() as db:
            return listing.count(db, which)

    def operators(self) -> list[str]:
        """Who has judged, by name."""
        with self._reading() as db:
            return listing.operators(db)

    # Updates

    def record_update(self, stats: UpdateStats, judgement_ids: Sequence[int]) -> None:
        """Writes that update `stats.number` consumed these judgements, in this order. Told again
        of an update that is there with the same judgements, it does nothing.

        Raises JournalError, and writes nothing, when the number is not the next one or a judgement
        is not pending.
        """
        with self._writing() as db:
            last = queries.last_update(db)
            if 1 <= stats.number <= last:
                update_id, _, _ = queries.update_row(db, stats.number)
                if queries.consumed(db, update_id) == list(judgement_ids):
                    return
                raise JournalError(
                    f"update {stats.number} is in the journal already, with other judgements"
                )
            if stats.number != last + 1:
                raise JournalError(
                    f"update {stats.number} cannot be recorded: the next one is {last + 1}"
                )
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

    def last_update(self) -> int:
        """Number of the last update of the current branch; 0 when there is none."""
        with self._reading() as db:
            return queries.last_update(db)

    def updates(self) -> list[UpdateStats]:
        """The updates that led to the current policy, in order."""
        with self._reading() as db:
            found = []
            for low, high, branch in queries.lineage(db):
                for identity, text, crc in db.execute(
                    "SELECT id, stats, crc FROM updates WHERE branch = ? "
                    "AND number > ? AND number <= ? ORDER BY number",
                    (branch, low, high),
                ).fetchall():
                    found.append(queries.read_stats(db, identity, text, crc))
            return found

    def update_batch(self, number: int) -> list[JudgedGroup]:
        """What update `number` consumed, in its order. Raises JournalError when there is none."""
        with self._reading() as db:
            identity, text, crc = queries.update_row(db, number)
            queries.read_stats(db, identity, text, crc)
            return queries.judged(db, "j.update_id = ? ORDER BY j.position", (identity,))

    def rollback(self, at: int) -> None:
        """Goes on from update `at`, on a new branch. Later updates, the judgements they consumed
        and those that wait stay in the journal, but are not of the new branch.

        Checkpoints after `at` must be gone before: see `Checkpoints.discard_after`. Raises
        JournalError when there is no such update.
        """
        with self._writing() as db:
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

    # The rest

    def event(self, kind: str, data: dict[str, Any]) -> None:
        """Writes down something else: a changed option. `data` must be JSON."""
        with self._writing() as db:
            row = (queries.current_branch(db), queries.last_update(db), kind, rows.to_json(data))
            db.execute(
                "INSERT INTO events (branch, after_update, kind, data, crc, created) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (*row, rows.checksum(row), time.time()),
            )

    def events(self) -> list[Entry]:
        """What `event` wrote on the way to the current state, in order."""
        with self._reading() as db:
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

    def totals(self) -> Totals:
        """The figures of the run."""
        with self._reading() as db:
            return read_totals(db)

    # Inside a transaction

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, translated(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                reach("journal:before-commit")
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            reach("journal:after-commit")

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        # One transaction, so that a reader beside the writing process sees one state.
        with self._lock, translated(self.path):
            self._db.execute("BEGIN")
            try:
                yield self._db
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")

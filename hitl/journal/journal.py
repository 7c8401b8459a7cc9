"""The journal: every group, judgement and update of a run, on disk before it is acknowledged.

A run is its base policy, its config and this file. What a method has written is committed and
synced when it returns. Methods may be called from any thread. Nothing is ever deleted: a judgement
taken back, a group put away and a branch left behind by a rollback keep their rows.

Every method raises JournalError when the file cannot be read or written.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from hitl.faultpoints import reach
from hitl.journal import groups, judgements, listing, queries, updates
from hitl.journal.file import connect, connect_readonly, translated
from hitl.journal.listing import Filter, Listed
from hitl.journal.queries import Key
from hitl.journal.totals import Totals, read_totals
from hitl.journal.updates import Entry
from hitl.records import (
    Group,
    JudgedGroup,
    JudgedTexts,
    Judgement,
    UpdateStats,
)


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

    def add_groups(self, sampled: Sequence[Group]) -> None:
        """Writes sampled groups, all or none. A group that is there already is left alone, but an
        unjudged one gives way to the same group sampled by a newer policy version.

        So do not sample again what is on the operator's screen. Raises JournalError when a number
        was used on a branch that was left.
        """
        with self._writing() as db:
            groups.add_groups(db, sampled)

    def add_group_with(self, group: Group, kind: str, data: dict[str, Any]) -> None:
        """Writes a group and an event that tells of it, both or none."""
        with self._writing() as db:
            groups.add_groups(db, [group])
            updates.event(db, kind, data)

    def drop_group(self, key: Key, reason: str) -> None:
        """Puts an open group away unjudged. Raises JournalError when it is not open."""
        with self._writing() as db:
            groups.drop_group(db, key, reason)

    def open_groups(self) -> list[Group]:
        """Groups that wait for a judgement, by number and attempt; one whose judgement was taken
        back is among them."""
        with self._reading() as db:
            return groups.open_groups(db)

    def last_group_number(self) -> int:
        """The highest number ever given to a group, on any branch; 0 when there is none."""
        with self._reading() as db:
            return groups.last_group_number(db)

    def save_draft(self, key: Key, entries: tuple[str, ...]) -> None:
        """Keeps what was entered for an open group so far; of no other group. For every key: it
        survives the process at once, and a power cut from the next judgement on."""
        with self._lock, translated(self.path):
            # Not worth a disk write a key. A later commit syncs the log up to and with this.
            self._db.execute("PRAGMA synchronous = NORMAL")
            try:
                with self._writing() as db:
                    groups.save_draft(db, key, entries)
            finally:
                self._db.execute("PRAGMA synchronous = FULL")

    def draft(self, key: Key) -> tuple[str, ...] | None:
        """What `save_draft` kept last, until the group was judged, dropped or replaced."""
        with self._reading() as db:
            return groups.draft(db, key)

    # Judgements

    def append(self, judgement: Judgement) -> int:
        """Writes a judgement of an open group; returns its id. It is on disk then.

        Raises JournalError when the group is unknown, put away or judged already, or has another
        number of completions than the judgement.
        """
        with self._writing() as db:
            return judgements.append(db, judgement)

    def undo(self, judgement_id: int) -> None:
        """Takes a judgement back; its group is open again.

        Raises JournalError when an update has consumed it ("already trained"), or when it is
        unknown or taken back already.
        """
        with self._writing() as db:
            judgements.undo(db, judgement_id)

    def set_aside(self, judgement_ids: Sequence[int], reason: str) -> None:
        """Keeps pending judgements away from every update, as when they made one not a number.

        Raises JournalError when one of them is not pending; then none is set aside.
        """
        with self._writing() as db:
            judgements.set_aside(db, judgement_ids, reason)

    def is_set_aside(self, judgement_id: int) -> bool:
        """Whether `set_aside` keeps a judgement away from every update."""
        with self._reading() as db:
            return judgements.is_set_aside(db, judgement_id)

    def pending(self, limit: int = -1) -> list[JudgedGroup]:
        """What waits for the next update, skips included, in the order of judgement; the first
        `limit`, -1 is all. (For the labels alone, `totals` is quicker when thousands wait.)"""
        with self._reading() as db:
            return judgements.pending(db, limit)

    def pending_labels(self, but: Sequence[int] = ()) -> int:
        """Labels in what waits for the next update, the judgements `but` left out."""
        with self._reading() as db:
            return judgements.pending_labels(db, but)

    def last_judged(self, operator: str | None = None) -> JudgedGroup | None:
        """The last judgement of the current branch that was not taken back, consumed or not; of
        this operator, or of all."""
        with self._reading() as db:
            return judgements.last_judged(db, operator)

    def judged(self, offset: int = 0, limit: int = -1) -> list[JudgedGroup]:
        """Live judgements of all branches, newest first; `limit` -1 is all of them."""
        with self._reading() as db:
            return judgements.judged(db, offset, limit)

    def find(self, judgement_id: int) -> JudgedGroup | None:
        """A live judgement with its group; None when there is none of this number."""
        with self._reading() as db:
            return listing.find(db, judgement_id)

    def listed(self, which: Filter, offset: int, limit: int) -> list[Listed]:
        """Live judgements of all branches that pass the filter, newest first, in a line each."""
        with self._reading() as db:
            return listing.page(db, which, offset, limit)

    def texts(self, which: Filter = listing.ALL) -> list[JudgedTexts]:
        """The same with what was read, all of them, oldest first."""
        with self._reading() as db:
            return listing.texts(db, which)

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
            updates.record_update(db, stats, judgement_ids)

    def last_update(self) -> int:
        """Number of the last update of the current branch; 0 when there is none."""
        with self._reading() as db:
            return queries.last_update(db)

    def updates(self) -> list[UpdateStats]:
        """The updates that led to the current policy, in order."""
        with self._reading() as db:
            return updates.updates(db)

    def update_batch(self, number: int) -> list[JudgedGroup]:
        """What update `number` consumed, in its order. Raises JournalError when there is none."""
        with self._reading() as db:
            return updates.update_batch(db, number)

    def rollback(self, at: int) -> None:
        """Goes on from update `at`, on a new branch. Later updates, the judgements they consumed
        and those that wait stay in the journal, but are not of the new branch.

        Checkpoints after `at` must be gone before: see `Checkpoints.discard_after`. Raises
        JournalError when there is no such update.
        """
        with self._writing() as db:
            updates.rollback(db, at)

    # The rest

    def event(self, kind: str, data: dict[str, Any]) -> None:
        """Writes down something else: a changed option. `data` must be JSON."""
        with self._writing() as db:
            updates.event(db, kind, data)

    def events(self) -> list[Entry]:
        """What `event` wrote on the way to the current state, in order."""
        with self._reading() as db:
            return updates.events(db)

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

"""Opening journal.db: what is there is checked before SQLite may touch it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

from hitl.atomic import sync, temporary_sibling
from hitl.faultpoints import reach
from hitl.journal.rows import JournalDamagedError, JournalError
from hitl.journal.schema import APPLICATION_ID, MIGRATIONS
from hitl.wording import Sentence

Migrations = Sequence[Sequence[str]]

_MAGIC = b"SQLite format 3\0"
_HEADER_BYTES = 100
_BUSY_S = 10.0


def connect(path: Path, *, create: bool, migrations: Migrations = MIGRATIONS) -> sqlite3.Connection:
    """A connection that commits to disk before it returns; the file is brought up to date.

    Raises JournalError when the file is missing (and not to be created), no journal, damaged or
    of a newer version; it is left as it is then.
    """
    if not _occupied(path):
        if not create:
            raise JournalError(_missing(path))
        _build(path, migrations)
    _check_header(path, len(migrations))
    connection = _connect(f"{path.resolve().as_uri()}?mode=rw")
    try:
        with translated(path):
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            _check_version(path, _number(connection, "user_version"), len(migrations))
            if (problem := connection.execute("PRAGMA integrity_check(1)").fetchone()[0]) != "ok":
                raise JournalDamagedError(_damaged(path, problem))
            if _migrate(connection, migrations):
                # So that the version in the header is the true one for the next to look.
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def connect_readonly(path: Path) -> sqlite3.Connection:
    """A connection that reads, beside the process that writes if there is one, and leaves no
    files behind. Raises JournalError like `connect`."""
    if not _occupied(path):
        raise JournalError(_missing(path))
    _check_header(path, len(MIGRATIONS))
    wal = _beside(path, "-wal")
    # Without a log nobody writes: an immutable file is read without making one, and without locks.
    way = "mode=ro" if wal.is_file() and wal.stat().st_size else "immutable=1"
    connection = _connect(f"{path.resolve().as_uri()}?{way}")
    try:
        with translated(path):
            version = _number(connection, "user_version")
            _check_version(path, version, len(MIGRATIONS))
            if version < len(MIGRATIONS):
                raise JournalError(
                    Sentence(
                        "{path} is of an older hitl: resume the run to bring it over", path=path
                    )
                )
    except BaseException:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """SQLite's errors as one sentence each."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise JournalError(f"{path} refuses this, nothing was written: {error}") from error
    except sqlite3.OperationalError as error:
        raise JournalError(
            Sentence(
                "{path} could not be read or written ({why}): make sure that the disk has room and "
                "that no other program holds the file",
                path=path,
                why=str(error),
            )
        ) from error
    except (sqlite3.ProgrammingError, sqlite3.InterfaceError) as error:
        # Not the file's fault: it is closed, or was given what it cannot hold.
        raise JournalError(f"{path} cannot do this: {error}") from error
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise JournalDamagedError(_damaged(path, str(error))) from error


def _occupied(path: Path) -> bool:
    if path.exists():
        return True
    if _beside(path, "-wal").exists():
        raise JournalError(
            Sentence(
                "{path} is missing, but its log {name}-wal is there: restore both from a copy, or "
                "move the log away",
                path=path,
                name=path.name,
            )
        )
    return False


def _build(path: Path, migrations: Migrations) -> None:
    # Built beside and renamed: a process killed here leaves no half of a journal.
    temporary = temporary_sibling(path)
    try:
        with translated(path), contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        connection = _connect(f"{temporary.resolve().as_uri()}?mode=rwc")
        with contextlib.closing(connection), translated(path):
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            _migrate(connection, migrations)
        sync(temporary)
        reach("journal:before-create")
        os.replace(temporary, path)
        sync(path.parent)
    except (OSError, sqlite3.Error) as error:
        raise JournalError(f"{path} could not be created: {error}") from error
    finally:
        for leftover in (temporary, _beside(temporary, "-wal"), _beside(temporary, "-shm")):
            with contextlib.suppress(OSError):
                leftover.unlink()


def _migrate(connection: sqlite3.Connection, migrations: Migrations) -> bool:
    had = _number(connection, "user_version")
    for version, statements in enumerate(migrations[had:], start=had + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in statements:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {version}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    return had < len(migrations)


def _connect(uri: str) -> sqlite3.Connection:
    try:
        return sqlite3.connect(
            uri, uri=True, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
        )
    except sqlite3.Error as error:
        raise JournalError(f"the journal cannot be opened ({uri}): {error}") from error


def _check_header(path: Path, known: int) -> None:
    # Read by hand: SQLite repairs and tidies what it opens, also a file we must not touch.
    try:
        with path.open("rb") as stream:
            header = stream.read(_HEADER_BYTES)
    except OSError as error:
        raise JournalError(
            Sentence(
                "{path} cannot be read ({why}): give yourself the right to, or restore it from a "
                "copy",
                path=path,
                why=error.strerror or str(error),
            )
        ) from error
    if not header:
        raise JournalDamagedError(
            Sentence("{path} is empty: its labels are lost; restore it from a copy", path=path)
        )
    if not header.startswith(_MAGIC) or len(header) < _HEADER_BYTES:
        raise JournalDamagedError(_damaged(path, "not a database"))
    version, application = struct.unpack(">I4xI", header[60:72])
    if application != APPLICATION_ID:
        raise JournalError(
            Sentence(
                "{path} is a database, but not a journal of hitl: move it elsewhere", path=path
            )
        )
    _check_version(path, version, known)


def _check_version(path: Path, version: int, known: int) -> None:
    if version > known:
        raise JournalError(
            Sentence(
                "{path} was written by a newer hitl (journal version {version}, this one knows "
                "{known}): update hitl and try again",
                path=path,
                version=version,
                known=known,
            )
        )
    if version < 1:
        raise JournalDamagedError(_damaged(path, "it has no version"))


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _missing(path: Path) -> Sentence:
    return Sentence(
        "{path} is missing: restore it from a copy, all labels of the run are in it", path=path
    )


def _damaged(path: Path, detail: str) -> Sentence:
    why = " ".join(detail.split())
    return Sentence("{path} is damaged ({why}): restore it from a copy", path=path, why=why)

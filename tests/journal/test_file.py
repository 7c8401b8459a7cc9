"""A journal that is damaged, foreign or newer is refused and left alone; a killed writer loses
nothing that it had acknowledged."""

from __future__ import annotations

import os
import signal
import sqlite3
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hitl
from hitl.journal import Journal, JournalDamagedError, JournalError
from hitl.journal.file import connect
from hitl.journal.schema import APPLICATION_ID, MIGRATIONS
from tests.journal_data import group, judgement, stats

ROOT = Path(hitl.__file__).parents[1]


def fill(path: Path) -> None:
    """A bit of everything."""
    with Journal.open(path, create=True) as journal:
        journal.add_groups([group(n) for n in range(1, 8)])
        ids = [journal.append(judgement(n)) for n in range(1, 6)]
        journal.event("lr", {"to": 1e-4})
        journal.record_update(stats(1), ids[:2])
        journal.record_update(stats(2), ids[2:3])
        journal.set_aside([ids[3]], "nan")
        journal.drop_group((7, 0), "resampled")
        journal.rollback(1)
        journal.add_groups([group(n, version=1) for n in range(8, 13)])
        ids = [journal.append(judgement(n)) for n in range(8, 12)]
        journal.undo(ids[0])
        journal.record_update(stats(2, reward=3.0), ids[1:3])


def contents(path: Path) -> list[Any]:
    with Journal.open(path) as journal:
        return [
            journal.open_groups(),
            journal.pending(),
            journal.judged(),
            journal.texts(),
            journal.updates(),
            [journal.update_batch(s.number) for s in journal.updates()],
            [(e.kind, e.data, e.after_update) for e in journal.events()],
            journal.last_group_number(),
            journal.last_update(),
        ]


def refused(path: Path, *, readonly_too: bool = True) -> str:
    """The sentence with which `path` is refused; it must be as it was afterwards."""
    before = path.read_bytes() if path.exists() else None
    beside = sorted(path.parent.iterdir())
    with pytest.raises(JournalError) as caught:
        Journal.open(path, create=path.exists())
    if readonly_too:
        with pytest.raises(JournalError):
            Journal.open(path, readonly=True)
    assert (path.read_bytes() if path.exists() else None) == before
    assert sorted(path.parent.iterdir()) == beside
    sentence = str(caught.value)
    assert str(path) in sentence and "\n" not in sentence
    return sentence


# --- files that are refused ---------------------------------------------------------------------


def test_missing(tmp_path: Path) -> None:
    assert "missing" in refused(tmp_path / "journal.db")


def test_missing_with_its_log_left(tmp_path: Path) -> None:
    (tmp_path / "journal.db-wal").write_bytes(b"log")
    assert "journal.db-wal is there" in refused(tmp_path / "journal.db")
    with pytest.raises(JournalError, match=r"journal\.db-wal is there"):
        Journal.open(tmp_path / "journal.db", create=True)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"best\tworst\n" * 50, "not a database"),
        (b"SQLite format 3\0", "not a database"),
        (bytes(range(256)) * 36, "not a database"),
    ],
)
def test_not_a_database(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(content)
    assert words in refused(path)


def test_a_folder_is_no_journal(tmp_path: Path) -> None:
    (tmp_path / "journal.db").mkdir()
    with pytest.raises(JournalError, match="cannot be read"):
        Journal.open(tmp_path / "journal.db")


def test_somebody_elses_database(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE t (x)")
    db.close()
    assert "not a journal of hitl" in refused(path)


def test_a_newer_version(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    fill(path)
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    db.close()
    assert "newer hitl" in refused(path)
    assert "update hitl" in refused(path)


def test_no_version(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute("CREATE TABLE t (x)")
    db.close()
    assert "no version" in refused(path)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
def test_truncated(tmp_path: Path, part: float) -> None:
    path = tmp_path / "journal.db"
    fill(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * part)])
    assert "damaged" in refused(path, readonly_too=False)


def test_a_torn_page(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    fill(path)
    whole = bytearray(path.read_bytes())
    whole[4096 * 2 : 4096 * 2 + 2048] = bytes(2048)
    path.write_bytes(whole)
    assert "damaged" in refused(path, readonly_too=False)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_flipped_bit_is_noticed_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, draw: st.DataObject
) -> None:
    original = tmp_path_factory.getbasetemp() / "original.db"
    if not original.exists():
        fill(original)
    whole = bytearray(original.read_bytes())
    place = draw.draw(st.integers(0, len(whole) * 8 - 1))
    whole[place // 8] ^= 1 << place % 8
    path = tmp_path_factory.getbasetemp() / "flipped.db"
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    path.write_bytes(whole)
    try:
        found = contents(path)
    except JournalError:
        return
    assert found == contents(original)


# --- versions -----------------------------------------------------------------------------------


def test_an_older_file_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    fill(path)
    before = contents(path)
    newer = (*MIGRATIONS, ("ALTER TABLE groups ADD COLUMN extra TEXT",))
    connect(path, create=False, migrations=newer).close()
    assert struct.unpack(">I", path.read_bytes()[60:64]) == (len(newer),)
    db = connect(path, create=False, migrations=newer)
    assert db.execute("SELECT count(extra) FROM groups").fetchone() == (0,)
    db.close()
    assert "newer" in refused(path)
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    db.close()
    assert contents(path) == before


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    fill(path)
    before = contents(path)
    bad = (*MIGRATIONS, ("ALTER TABLE groups ADD COLUMN extra TEXT", "NONSENSE"))
    with pytest.raises(JournalError):
        connect(path, create=False, migrations=bad)
    assert contents(path) == before


def test_creating_leaves_one_file_and_opening_again_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "a ?#%目录" / "journal.db"
    path.parent.mkdir()
    fill(path)
    assert [p.name for p in path.parent.iterdir()] == ["journal.db"]
    before = contents(path)
    Journal.open(path, create=True).close()
    assert contents(path) == before


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(JournalError):
        Journal.open(tmp_path / "absent" / "journal.db", create=True)


# --- readers beside the writer ------------------------------------------------------------------


def test_reading_beside_the_writer(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal.open(path, create=True) as writer:
        writer.add_groups([group(1), group(2)])
        with Journal.open(path, readonly=True) as reader:
            assert reader.totals().groups == 2
            writer.append(judgement(1))
            assert reader.totals().judgements == 1
            with pytest.raises(JournalError, match="readonly"):
                reader.append(judgement(2))
    with Journal.open(path, readonly=True) as reader:
        assert reader.totals().judgements == 1
    assert [p.name for p in tmp_path.iterdir()] == ["journal.db"], "a reader leaves nothing"


# --- full disk ----------------------------------------------------------------------------------


def test_a_full_disk_refuses_the_label_and_keeps_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with Journal.open(path, create=True) as journal:
        journal.add_groups([group(n) for n in range(1, 60)])
        pages = journal._db.execute("PRAGMA page_count").fetchone()[0]
        journal._db.execute(f"PRAGMA max_page_count = {pages}")
        kept = []
        with pytest.raises(JournalError, match="has room"):
            for number in range(1, 60):
                kept.append(journal.append(judgement(number)))
        assert [j.id for j in journal.pending()] == kept
        journal._db.execute("PRAGMA max_page_count = 100000")
        kept.append(journal.append(judgement(len(kept) + 1)))
    with Journal.open(path) as journal:
        assert [j.id for j in journal.pending()] == kept


# --- kill -9 ------------------------------------------------------------------------------------

CHILD = """
import sys
from pathlib import Path
from hitl.journal import Journal
from tests.journal_data import group, judgement, stats

with Journal.open(Path(sys.argv[1]), create=True) as journal:
    journal.add_groups([group(n) for n in range(1, 7)])
    print("groups", flush=True)
    ids = []
    for number in range(1, 5):
        ids.append(journal.append(judgement(number)))
        print("judged", ids[-1], flush=True)
    journal.record_update(stats(1), ids[:2])
    print("update", 1, flush=True)
    journal.undo(ids[3])
    print("undone", ids[3], flush=True)
"""
STEPS = ["groups", "judged", "judged", "judged", "judged", "update", "undone"]


def killed_child(path: Path, fault: str) -> list[str]:
    """What a child had acknowledged when it was killed at `fault`."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(path)],
        cwd=ROOT,
        env={**os.environ, "HITL_FAULT": fault},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    return done.stdout.split("\n")[:-1]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("transaction", range(1, len(STEPS) + 1))
def test_killed_at_a_commit(tmp_path: Path, when: str, transaction: int) -> None:
    path = tmp_path / "journal.db"
    acknowledged = killed_child(path, f"journal:{when}-commit*{transaction}")
    assert [line.split()[0] for line in acknowledged] == STEPS[: transaction - 1]
    done = STEPS[: transaction - (when == "before")]
    with Journal.open(path) as journal:
        judged = done.count("judged")
        consumed = 2 if "update" in done else 0
        undone = 1 if "undone" in done else 0
        assert len(journal.judged()) == judged - undone
        assert len(journal.pending()) == judged - consumed - undone
        assert len(journal.updates()) == ("update" in done)
        assert len(journal.open_groups()) == (6 - judged + undone if "groups" in done else 0)


def test_killed_while_it_is_created(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    assert killed_child(path, "journal:before-create") == []
    assert not path.exists()
    fill(path)


def test_a_commit_is_on_disk_when_it_returns(tmp_path: Path) -> None:
    """A power cut must not take back what was acknowledged: 2 is FULL, SQLite's word for that."""
    path = tmp_path / "journal.db"
    for create in (True, False):
        connection = connect(path, create=create)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        connection.close()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE judgements SET seconds = seconds + 1 WHERE id = 4", "the judgement of group 4"),
        ("UPDATE judgements SET verdict = '{\"scores\": [1, 1, 1]}' WHERE id = 4", "of group 4"),
        ("UPDATE groups SET prompt = 'another' WHERE number = 4", "group 4"),
        ("UPDATE completions SET text = 'another' WHERE group_id = 4", "group 4"),
        ("UPDATE updates SET stats = replace(stats, '1.5', '9.5') WHERE id = 1", "update 1"),
    ],
)
def test_a_row_that_was_changed_is_not_read_as_it_is(
    tmp_path: Path, change: str, said: str
) -> None:
    """SQLite has no checksum of its own: a flipped bit in a row would teach something else."""
    path = tmp_path / "journal.db"
    with Journal.open(path, create=True) as journal:
        journal.add_groups([group(n) for n in range(1, 5)])
        ids = [journal.append(judgement(n)) for n in range(1, 5)]
        journal.record_update(stats(1), ids[:2])
    with sqlite3.connect(path) as db:
        assert db.execute(change).rowcount >= 1
    db.close()
    with Journal.open(path) as journal, pytest.raises(JournalDamagedError, match=said):
        journal.pending()
        journal.updates()

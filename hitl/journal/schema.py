"""The tables of journal.db, as the ordered list of steps that made them.

A migration is never changed once released: a later version appends one. `PRAGMA user_version`
counts those a file has had. Facts are only ever added: a judgement taken back, a group put away
and a branch left behind keep their rows. `crc` is the CRC-32 of what the row held when it was
written (SQLite itself would hand out a flipped bit without a word). Columns that are filled in
later are out of it, but each stands in the condition of an index, and those are checked when the
file is opened.
"""

from __future__ import annotations

from hitl.journal.rows import checksum

APPLICATION_ID = 0x4849544C
"""'HITL' in the header of the file says whose it is."""

_VERSION_1 = (
    # A rollback to update N opens a branch: it shares updates 1..at_update with its parent. The
    # newest branch is the one that the run goes on with.
    """CREATE TABLE branches (
        id INTEGER PRIMARY KEY,
        parent INTEGER REFERENCES branches(id),
        at_update INTEGER NOT NULL,
        crc INTEGER NOT NULL,
        created REAL NOT NULL
    )""",
    """CREATE TABLE groups (
        id INTEGER PRIMARY KEY,
        branch INTEGER NOT NULL REFERENCES branches(id),
        number INTEGER NOT NULL,
        attempt INTEGER NOT NULL,
        prompt TEXT NOT NULL,
        prompt_ids BLOB NOT NULL,        -- int32, little-endian
        policy_version INTEGER NOT NULL,
        temperature REAL NOT NULL,
        top_k INTEGER NOT NULL,
        top_p REAL NOT NULL,
        crc INTEGER NOT NULL,            -- with the completions
        created REAL NOT NULL,
        put_away TEXT,                   -- why it will not be judged
        replaced INTEGER NOT NULL DEFAULT 0  -- sampled again by a newer policy, same key
    )""",
    "CREATE UNIQUE INDEX groups_key ON groups (number, attempt) WHERE replaced = 0",
    """CREATE TABLE completions (
        group_id INTEGER NOT NULL REFERENCES groups(id),
        position INTEGER NOT NULL,
        text TEXT NOT NULL,
        tokens INTEGER NOT NULL,
        token_ids BLOB NOT NULL CHECK (length(token_ids) = 4 * tokens),  -- int32
        logprobs BLOB NOT NULL CHECK (length(logprobs) IN (4 * tokens, 8 * tokens)),
        finished INTEGER NOT NULL,
        PRIMARY KEY (group_id, position)
    )""",
    """CREATE TABLE updates (
        id INTEGER PRIMARY KEY,
        branch INTEGER NOT NULL REFERENCES branches(id),
        number INTEGER NOT NULL,
        stats TEXT NOT NULL,             -- JSON
        crc INTEGER NOT NULL,            -- with the ids of the judgements consumed
        created REAL NOT NULL,
        UNIQUE (branch, number)
    )""",
    """CREATE TABLE judgements (
        id INTEGER PRIMARY KEY AUTOINCREMENT,  -- a number is never given twice
        group_id INTEGER NOT NULL REFERENCES groups(id),
        branch INTEGER NOT NULL REFERENCES branches(id),
        operator TEXT NOT NULL,
        mode TEXT NOT NULL,
        verdict TEXT NOT NULL,           -- JSON
        labels INTEGER NOT NULL,
        seconds REAL NOT NULL,
        keys TEXT NOT NULL,
        keystrokes INTEGER NOT NULL,
        shown TEXT NOT NULL,             -- JSON
        note TEXT NOT NULL,
        flag INTEGER NOT NULL,
        crc INTEGER NOT NULL,
        created REAL NOT NULL,
        undone REAL,                     -- when it was taken back
        aside TEXT,                      -- why no update shall consume it
        update_id INTEGER REFERENCES updates(id),  -- the one update that consumed it
        position INTEGER,                -- its place in the batch
        CHECK (undone IS NULL OR update_id IS NULL),
        CHECK ((update_id IS NULL) = (position IS NULL)),
        UNIQUE (update_id, position)
    )""",
    # One live judgement a group, and quick ways to those that wait for an update.
    "CREATE UNIQUE INDEX judgements_live ON judgements (group_id) WHERE undone IS NULL",
    """CREATE INDEX judgements_pending ON judgements (branch, id)
        WHERE undone IS NULL AND aside IS NULL AND update_id IS NULL""",
    "CREATE INDEX groups_waiting ON groups (branch, number, attempt) "
    "WHERE put_away IS NULL AND replaced = 0",
    # Consumed once is consumed for good, whatever a later version's code may try.
    """CREATE TRIGGER consumed_once BEFORE UPDATE OF update_id ON judgements
        WHEN OLD.update_id IS NOT NULL
        BEGIN SELECT RAISE(ABORT, 'judgement consumed twice'); END""",
    """CREATE TABLE drafts (
        group_id INTEGER PRIMARY KEY REFERENCES groups(id),
        entries TEXT NOT NULL            -- JSON
    )""",
    """CREATE TABLE events (
        id INTEGER PRIMARY KEY,
        branch INTEGER NOT NULL REFERENCES branches(id),
        after_update INTEGER NOT NULL,
        kind TEXT NOT NULL,
        data TEXT NOT NULL,              -- JSON
        crc INTEGER NOT NULL,
        created REAL NOT NULL
    )""",
    f"INSERT INTO branches (id, parent, at_update, crc, created) VALUES (1, NULL, 0, "
    f"{checksum((1, None, 0))}, (julianday('now') - 2440587.5) * 86400.0)",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_VERSION_1,)

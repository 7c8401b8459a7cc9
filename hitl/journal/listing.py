"""Judgements as a table: filtered, counted and read page by page. All run inside a transaction."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hitl.journal import queries, rows
from hitl.records import JudgedGroup, JudgedTexts, Judgement, Mode, Verdict

State = Literal["waiting", "trained", "aside", "left"]
"""waiting: for an update; trained: one that led to the policy of now has consumed it; aside: no
update shall; left: of a branch that was rolled back, whether an update had come or not."""

STATES: tuple[State, ...] = ("waiting", "trained", "aside", "left")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which judgements; what is None or False leaves nothing out."""

    text: str = ""
    """In the prompt, a completion, the note or the operator's own text; letters of either case."""
    mode: Mode | None = None
    operator: str | None = None
    flagged: bool = False
    noted: bool = False
    state: State | None = None


ALL = Filter()


@dataclass(frozen=True, slots=True)
class Listed:
    """A judgement in one line."""

    id: int
    number: int
    """Of its group."""
    prompt: str
    mode: Mode
    operator: str
    verdict: Verdict
    shown: tuple[int, ...]
    seconds: float
    note: str
    flag: bool
    state: State
    update: int | None
    """The update that consumed it."""
    created: float
    """Unix time, seconds."""


def count(db: sqlite3.Connection, which: Filter) -> int:
    """How many live judgements there are."""
    where, values = _where(db, which)
    return queries.integer(db.execute(f"SELECT count(*) {_from(which)} WHERE {where}", values))


def page(db: sqlite3.Connection, which: Filter, offset: int, limit: int) -> list[Listed]:
    """Newest first."""
    where, values = _where(db, which)
    # The ids first: skipping over whole rows would read their texts.
    ids = f"SELECT j.id {_from(which)} WHERE {where} ORDER BY j.id DESC LIMIT ? OFFSET ?"
    found = db.execute(
        "SELECT j.id, g.number, g.attempt, g.prompt, j.branch, j.aside, u.id, u.number, j.created, "
        f"{queries.columns_of('j', rows.JUDGEMENT_COLUMNS)} "
        "FROM judgements j JOIN groups g ON g.id = j.group_id "
        "LEFT JOIN updates u ON u.id = j.update_id "
        f"WHERE j.id IN ({ids}) ORDER BY j.id DESC",
        (*values, limit, offset),
    ).fetchall()
    branch = queries.current_branch(db)
    trained = {identity for (identity,) in db.execute(queries.updates_of_the_line(db))}
    listed = []
    for identity, number, attempt, prompt, owner, aside, by, update, created, *row in found:
        judgement = rows.read_judgement(row, (number, attempt))
        listed.append(
            Listed(
                id=identity,
                number=number,
                prompt=prompt,
                mode=judgement.mode,
                operator=judgement.operator,
                verdict=judgement.verdict,
                shown=judgement.shown,
                seconds=judgement.seconds,
                note=judgement.note,
                flag=judgement.flag,
                state=_state(by in trained, aside is not None, by is None and owner == branch),
                update=update,
                created=created,
            )
        )
    return listed


def texts(db: sqlite3.Connection, which: Filter) -> list[JudgedTexts]:
    """All that `page` would list, oldest first."""
    where, values = _where(db, which)
    chosen = f"WHERE j.id IN (SELECT j.id {_from(which)} WHERE {where}) ORDER BY j.id"
    judgement = queries.columns_of("j", rows.JUDGEMENT_COLUMNS)
    count = len(rows.JUDGEMENT_COLUMNS.split(", "))
    heads = db.execute(
        f"SELECT {judgement}, {queries.columns_of('g', rows.GROUP_COLUMNS)}, g.id "
        f"FROM judgements j JOIN groups g ON g.id = j.group_id {chosen}",
        values,
    )
    # In one query: one for each group would take longer than all the rest.
    completions = db.execute(
        f"SELECT {queries.columns_of('c', rows.COMPLETION_COLUMNS)}, c.group_id "
        f"FROM judgements j JOIN completions c ON c.group_id = j.group_id {chosen}, c.position",
        values,
    )
    of_group = defaultdict[int, list[Sequence[Any]]](list)
    for *row, group in completions:
        of_group[group].append(row)
    return [rows.read_texts(row[count:], of_group[group], row[:count]) for *row, group in heads]


def find(db: sqlite3.Connection, identity: int) -> JudgedGroup | None:
    """The live judgement of this number, with its group."""
    found = queries.judged(db, "j.id = ? AND undone IS NULL", (identity,))
    return found[0] if found else None


def judgements(db: sqlite3.Connection, after: int) -> list[Judgement]:
    """Live ones with a number above `after`, oldest first."""
    found = db.execute(
        f"SELECT g.number, g.attempt, {queries.columns_of('j', rows.JUDGEMENT_COLUMNS)} "
        "FROM judgements j JOIN groups g ON g.id = j.group_id "
        "WHERE j.id > ? AND undone IS NULL ORDER BY j.id",
        (after,),
    )
    return [rows.read_judgement(row, (number, attempt)) for number, attempt, *row in found]


def token_ids(db: sqlite3.Connection, limit: int, *, newest: bool) -> list[tuple[int, ...]]:
    """Of the newest completions of this branch, or of the first that the base policy wrote."""
    if newest:
        which, order = f"branch = {queries.current_branch(db)}", "DESC"
    else:
        which, order = "policy_version = 0", "ASC"
    found = db.execute(
        "SELECT c.token_ids FROM completions c JOIN groups g ON g.id = c.group_id "
        f"WHERE replaced = 0 AND {which} ORDER BY g.id {order}, c.position LIMIT ?",
        (limit,),
    )
    return [rows.unpack_ids(blob) for (blob,) in found]


def operators(db: sqlite3.Connection) -> list[str]:
    """Who has judged, by name."""
    found = db.execute("SELECT DISTINCT operator FROM judgements WHERE undone IS NULL ORDER BY 1")
    return [name for (name,) in found]


def _state(trained: bool, aside: bool, waits: bool) -> State:
    if trained:
        return "trained"
    if aside:
        return "aside"
    return "waiting" if waits else "left"


def _from(which: Filter) -> str:
    groups = " JOIN groups g ON g.id = j.group_id" if which.text else ""
    return f"FROM judgements j{groups}"


_LIKE = "LIKE ? ESCAPE '\\'"


def _where(db: sqlite3.Connection, which: Filter) -> tuple[str, tuple[rows.Value, ...]]:
    parts, values = ["j.undone IS NULL"], list[rows.Value]()
    if which.mode is not None:
        parts.append("j.mode = ?")
        values.append(which.mode.value)
    if which.operator is not None:
        parts.append("j.operator = ?")
        values.append(which.operator)
    if which.flagged:
        parts.append("j.flag = 1")
    if which.noted:
        parts.append("j.note <> ''")
    if which.text:
        pattern = "".join(f"\\{c}" if c in "\\%_" else c for c in which.text)
        parts.append(
            f"(g.prompt {_LIKE} OR j.note {_LIKE} OR json_extract(j.verdict, '$.edit') {_LIKE} OR "
            "EXISTS (SELECT 1 FROM completions c WHERE c.group_id = g.id AND "
            f"c.text {_LIKE}))"
        )
        values += [f"%{pattern}%"] * 4
    line = queries.updates_of_the_line(db)
    match which.state:
        case "trained":
            parts.append(f"j.update_id IN ({line})")
        case "aside":
            parts.append("j.update_id IS NULL AND j.aside IS NOT NULL")
        case "waiting":
            parts.append("j.update_id IS NULL AND j.aside IS NULL AND j.branch = ?")
            values.append(queries.current_branch(db))
        case "left":
            parts.append(
                f"(CASE WHEN j.update_id IS NULL THEN j.aside IS NULL AND j.branch <> ? "
                f"ELSE j.update_id NOT IN ({line}) END)"
            )
            values.append(queries.current_branch(db))
    return " AND ".join(parts), tuple(values)

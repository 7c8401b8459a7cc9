"""Records to rows of journal.db and back, bit for bit.

Token ids are int32 and log-probabilities float32, little-endian; log-probabilities that float32
cannot hold exactly are kept as float64, and the length says which. A lone surrogate (half of a
broken character) has no UTF-8: it is stored as U+FFFD, so that a label is never refused for it.
"""

from __future__ import annotations

import dataclasses
import json
import math
import struct
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

from hitl.errors import HitlError
from hitl.records import (
    Completion,
    Edit,
    Group,
    JudgedTexts,
    Judgement,
    Mode,
    Prompt,
    Ranking,
    Rejected,
    Scores,
    Skip,
    UpdateStats,
    Verdict,
)

Value = str | bytes | int | float | None
Row = tuple[Value, ...]

GROUP_COLUMNS = (
    "number, attempt, prompt, prompt_ids, policy_version, temperature, top_k, top_p, crc"
)
COMPLETION_COLUMNS = "text, tokens, token_ids, logprobs, finished"
JUDGEMENT_COLUMNS = (
    "operator, mode, verdict, labels, seconds, keys, keystrokes, shown, note, flag, crc"
)


class JournalError(HitlError):
    """The journal cannot be read, or refuses what was asked of it."""


class JournalDamagedError(JournalError):
    """The file, or a row of it, is not what was written."""


def group_rows(group: Group) -> tuple[Row, list[Row]]:
    """The values of GROUP_COLUMNS, and of COMPLETION_COLUMNS for each completion.

    Raises JournalError when a completion has not one log-probability a token.
    """
    head: Row = (
        int(group.prompt.number),
        int(group.prompt.attempt),
        _wellformed(group.prompt.text),
        _pack_ids(group.prompt_ids),
        int(group.policy_version),
        _stored(group.temperature),
        int(group.top_k),
        _stored(group.top_p),
    )
    rows = [_completion_row(group, completion) for completion in group.completions]
    return (*head, _group_checksum(head, rows)), rows


def read_group(row: Sequence[Any], completions: Iterable[Sequence[Any]]) -> Group:
    """Raises JournalError when the rows are not what was written."""
    rows = [tuple(completion) for completion in completions]
    number, attempt, text, ids, version, temperature, top_k, top_p = _unchanged(row, rows)
    return Group(
        prompt=Prompt(text, number, attempt),
        prompt_ids=unpack_ids(ids),
        completions=tuple(
            Completion(text, unpack_ids(ids), _unpack_floats(floats, tokens), bool(finished))
            for text, tokens, ids, floats, finished in rows
        ),
        policy_version=version,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
    )


def read_texts(
    row: Sequence[Any], completions: Sequence[Sequence[Any]], judgement: Sequence[Any]
) -> JudgedTexts:
    """A group and the judgement of it without the tokens, which cost most of a group's reading.

    Raises JournalError when the rows, tokens included, are not what was written.
    """
    number, attempt, text, _, version, *_ = _unchanged(row, completions)
    return JudgedTexts(
        prompt=Prompt(text, number, attempt),
        texts=tuple(text for text, *_ in completions),
        finished=tuple(bool(finished) for *_, finished in completions),
        policy_version=version,
        judgement=read_judgement(judgement, (number, attempt)),
    )


def _unchanged(row: Sequence[Any], completions: Sequence[Sequence[Any]]) -> Sequence[Any]:
    """The values of GROUP_COLUMNS but the last, which proves them and the completions."""
    *head, crc = row
    try:
        unchanged = _group_checksum(head, completions) == crc
    except (TypeError, AttributeError):  # a flipped bit can make a text of a blob
        unchanged = False
    if not unchanged:
        raise damaged(f"group {head[0]}")
    return head


def judgement_row(judgement: Judgement) -> Row:
    """The values of JUDGEMENT_COLUMNS. Raises JournalError when a score is not a finite number."""
    keys = _wellformed(judgement.keys)
    head: Row = (
        _wellformed(judgement.operator),
        judgement.mode.value,
        verdict_json(judgement.verdict),
        judgement.labels,
        _stored(judgement.seconds),
        keys,
        len(keys),
        _json(list(judgement.shown)),
        _wellformed(judgement.note),
        int(judgement.flag),
    )
    return (*head, checksum((judgement.group, head)))


def read_judgement(row: Sequence[Any], key: tuple[int, int]) -> Judgement:
    """The judgement of group `key`. Raises JournalError when the row is not what was written."""
    *head, crc = row
    if checksum((key, tuple(head))) != crc:
        raise damaged(f"the judgement of group {key[0]}")
    operator, mode, verdict, _, seconds, keys, _, shown, note, flag = head
    return Judgement(
        group=key,
        verdict=read_verdict(verdict),
        operator=operator,
        mode=Mode(mode),
        seconds=seconds,
        keys=keys,
        shown=tuple(json.loads(shown)),
        note=note,
        flag=bool(flag),
    )


def stats_json(stats: UpdateStats) -> str:
    """Strict JSON: numbers that JSON has no word for ("nan", "inf") become strings."""
    fields = {
        name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in dataclasses.asdict(stats).items()
    }
    return _json(fields)


def read_stats(text: str) -> UpdateStats:
    """The inverse of `stats_json`."""
    fields = json.loads(text)
    for field in dataclasses.fields(UpdateStats):
        if field.name in fields and field.type == "float":
            fields[field.name] = float(fields[field.name])
    fields["notices"] = tuple(fields.get("notices", ()))
    return UpdateStats(**fields)


def stats_checksum(stats: str, judgement_ids: Sequence[int]) -> int:
    """CRC of an update's row: what it measured and what it consumed."""
    return checksum((stats, tuple(judgement_ids)))


def checksum(values: tuple[Any, ...]) -> int:
    """CRC-32 of numbers, strings, bytes and tuples of them."""
    # ascii() and not repr(): which characters repr() escapes changes with the Unicode version.
    return zlib.crc32(ascii(values).encode())


def to_json(data: Any) -> str:
    """JSON for people to read too; raises JournalError when `data` is nothing JSON can hold."""
    try:
        return _json(data)
    except (TypeError, ValueError) as error:
        raise JournalError(f"the journal cannot store this: {error}") from error


def _group_checksum(head: Sequence[Any], rows: Sequence[Sequence[Any]]) -> int:
    # Not `checksum` of it all: the escapes of ascii() would cost more than reading the group.
    number, attempt, prompt, prompt_ids, *sampling = head
    short = (number, attempt, prompt, *sampling, *((row[1], row[4]) for row in rows))
    parts = [prompt_ids]
    for text, _, ids, logprobs, _ in rows:
        parts += (text.encode(), ids, logprobs)
    return zlib.crc32(b"\0".join(parts), checksum(short))


def _completion_row(group: Group, completion: Completion) -> Row:
    tokens = len(completion.token_ids)
    if len(completion.logprobs) != tokens:
        raise JournalError(
            f"group {group.prompt.number} has a completion of {tokens} tokens with "
            f"{len(completion.logprobs)} log-probabilities: there must be one a token"
        )
    return (
        _wellformed(completion.text),
        tokens,
        _pack_ids(completion.token_ids),
        _pack_floats(completion.logprobs),
        int(completion.finished),
    )


def verdict_json(verdict: Verdict) -> str:
    """As the journal keeps it. Raises JournalError when a score is not a finite number."""
    match verdict:
        case Edit(text, rest, of):
            data: dict[str, Any] = {"edit": text}
            if rest is not None:
                data |= _opinion(rest)
            return _json(data | ({} if of is None else {"of": of}))
        case Rejected(count):
            return _json({"rejected": count})
        case Skip():
            return _json({"skip": True})
        case _:
            return _json(_opinion(verdict))


def _opinion(verdict: Scores | Ranking) -> dict[str, Any]:
    match verdict:
        case Scores(values):
            if not all(value is None or math.isfinite(value) for value in values):
                raise JournalError(f"a score must be a finite number, and one of {values} is not")
            return {"scores": list(values)}
        case Ranking(ranks):
            return {"ranks": list(ranks)}


def read_verdict(text: str) -> Verdict:
    """The inverse of `verdict_json`."""
    match data := json.loads(text):
        case {"edit": str(edited)}:
            return Edit(edited, _read_opinion(data), data.get("of"))
        case {"rejected": int(count)}:
            return Rejected(count)
        case {"skip": True}:
            return Skip()
    if (opinion := _read_opinion(data)) is not None:
        return opinion
    raise JournalError(f"the journal holds a verdict this version does not know: {text}")


def _read_opinion(data: Any) -> Scores | Ranking | None:
    match data:
        case {"scores": values}:
            return Scores(tuple(values))
        case {"ranks": ranks}:
            return Ranking(tuple(ranks))
    return None


def _json(data: Any) -> str:
    return _wellformed(json.dumps(data, ensure_ascii=False, allow_nan=False))


def _pack_ids(ids: Sequence[int]) -> bytes:
    try:
        return struct.pack(f"<{len(ids)}i", *ids)
    except struct.error as error:
        raise JournalError(f"a token id is no 32-bit integer: {error}") from error


def unpack_ids(blob: bytes) -> tuple[int, ...]:
    """(T,) token ids of a completion's column."""
    return struct.unpack(f"<{len(blob) // 4}i", blob)


def _pack_floats(values: Sequence[float]) -> bytes:
    exact = struct.pack(f"<{len(values)}d", *values)
    try:
        single = struct.pack(f"<{len(values)}f", *values)
    except OverflowError:
        return exact
    # Compared as bytes: that also tells -0.0 from 0.0, and NaN is equal to itself.
    again = struct.pack(f"<{len(values)}d", *struct.unpack(f"<{len(values)}f", single))
    return single if again == exact else exact


def _unpack_floats(blob: bytes, count: int) -> tuple[float, ...]:
    return struct.unpack(f"<{count}{'f' if len(blob) == 4 * count else 'd'}", blob)


def _wellformed(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        # Joins surrogate pairs that came as two halves, and replaces those that came alone.
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def damaged(what: str) -> JournalDamagedError:
    return JournalDamagedError(
        f"{what} in the journal was changed after it was written (its checksum differs): "
        "restore journal.db from a copy"
    )


def _stored(value: float) -> float:
    """As SQLite gives it back: it keeps -0.0 as 0.0, which a checksum would not forgive."""
    return float(value) + 0.0

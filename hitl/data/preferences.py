"""Chosen/rejected JSONL, by any of the names the field gives the three texts.

- TRL: `prompt`, `chosen`, `rejected`, each a text or a list of messages; without `prompt`, both
  hold the whole text
- MedicalGPT: `question`, `response_chosen`, `response_rejected`, with `system` and `history`
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hitl.data.ranked import Ranked
from hitl.data.rows import Account, json_objects

NAMES = (
    ("prompt", "chosen", "rejected"),
    ("question", "response_chosen", "response_rejected"),
)


def is_preference(row: Mapping[str, Any]) -> bool:
    """Whether an object has the texts of a preference."""
    return any(chosen in row and rejected in row for _, chosen, rejected in NAMES)


def preference_pairs(path: Path, account: Account) -> Iterator[Ranked]:
    """The pairs of a file, each a list of two. The prompt is what both answer."""
    for number, row in json_objects(path, account):
        found = _pair(row)
        if isinstance(found, str):
            account.refuse(number, found)
            continue
        account.good += 1
        yield found


def _pair(row: Mapping[str, Any]) -> Ranked | str:
    """The pair of an object, or why it has none."""
    names = next((n for n in NAMES if n[1] in row and n[2] in row), None)
    if names is None:
        return "has neither chosen and rejected nor response_chosen and response_rejected"
    parts: list[str] = []
    for name in names:
        text = plain_text(row.get(name, ""))
        if text is None:
            return f"has a {name} that is neither a text nor a list of messages"
        parts.append(text)
    prompt, chosen, rejected = parts
    if names[0] == "question":
        history = row.get("history")
        if not _list(history) and history not in (None, ""):
            return "has a history that is no list of question and answer"
        prompt = _with_history(row, prompt)
    elif isinstance(row["chosen"], list) and isinstance(row["rejected"], list):
        prompt, chosen, rejected = _without_shared(row, prompt)
    if not chosen.strip() or not rejected.strip():
        return "has an empty text"
    if chosen == rejected:
        return "has the same text chosen and rejected"
    return Ranked(prompt, ((chosen,), (rejected,)))


def plain_text(value: Any) -> str | None:
    """A text, or the contents of messages, one a line; None for anything else.

    The names of the roles go: these policies know none.
    """
    if isinstance(value, str):
        return value
    contents = [m.get("content") for m in value if isinstance(m, Mapping)] if _list(value) else []
    if not _list(value) or len(contents) != len(value):
        return None
    texts = [content for content in contents if isinstance(content, str)]
    return "\n".join(texts) if len(texts) == len(value) else None


def _list(value: Any) -> bool:
    return isinstance(value, list)


def _without_shared(row: Mapping[str, Any], prompt: str) -> tuple[str, str, str]:
    """Prompt and both answers, when messages that both begin with are part of the prompt."""
    chosen, rejected = row["chosen"], row["rejected"]
    shared = 0
    while shared < min(len(chosen), len(rejected)) - 1 and chosen[shared] == rejected[shared]:
        shared += 1
    before = [text for text in (prompt, plain_text(chosen[:shared])) if text]
    head = "\n".join(before)
    return (
        f"{head}\n" if head else "",
        plain_text(chosen[shared:]) or "",
        plain_text(rejected[shared:]) or "",
    )


def _with_history(row: Mapping[str, Any], question: str) -> str:
    """MedicalGPT keeps earlier turns apart: system, then [question, answer] pairs."""
    turns = [text for pair in row.get("history") or () if _list(pair) for text in pair]
    said = [row.get("system"), *turns, question]
    lines = [text for text in said if isinstance(text, str) and text]
    return "".join(f"{line}\n" for line in lines)

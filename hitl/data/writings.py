"""Texts to learn to write, for supervised fine-tuning.

- .txt: a text a line; .csv and .tsv: the column `text`
- .jsonl: `text`; `prompt` and `completion`; `messages`; `conversations` (MedicalGPT, ShareGPT);
  or `instruction`, `input` and `output` (Alpaca)

Of messages, the last is what is learned; those before it are the prompt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hitl.data.labelled import OBJECTS, TABLES, labelled_texts
from hitl.data.preferences import plain_text
from hitl.data.ranked import Ranked
from hitl.data.rows import Account, json_objects, lines


@dataclass(frozen=True, slots=True)
class Writing:
    """A text, and what it goes on from."""

    prompt: str
    text: str
    ended: bool = True
    """Whether the text ends there, or was cut off."""


def writings(path: Path, account: Account) -> Iterator[Writing]:
    """The texts of a file. Raises DataError when it cannot be read."""
    suffix = path.suffix.lower()
    if path.is_dir() or suffix in TABLES:
        for labelled in labelled_texts(path, account, labels=None):
            yield Writing("", labelled.text)
    elif suffix in OBJECTS:
        for number, row in json_objects(path, account):
            found = _writing(row)
            if isinstance(found, str):
                account.refuse(number, found)
            else:
                account.good += 1
                yield found
    else:
        for _, line in lines(path, account):
            account.good += 1
            yield Writing("", line.strip())


def best_of(ranked: Ranked) -> Iterator[Writing]:
    """The best texts of a list."""
    for text in ranked.tiers[0]:
        yield Writing(ranked.prompt, text, ranked.ends(text))


def _writing(row: Mapping[str, Any]) -> Writing | str:
    """The text of an object, or why it has none."""
    if "messages" in row or "conversations" in row:
        return _of_messages(row.get("messages", row.get("conversations")))
    if "instruction" in row:
        asked = [row.get("instruction"), row.get("input") or None]
        given: tuple[Any, Any] = "".join(f"{part}\n" for part in asked if part), row.get("output")
    elif "completion" in row:
        given = row.get("prompt", ""), row["completion"]
    else:
        given = "", row.get("text")
    prompt, text = plain_text(given[0]), plain_text(given[1])
    if prompt is None or text is None or not text.strip():
        return "has no text: text, prompt and completion, messages, or instruction and output"
    return Writing(prompt, text)


def _of_messages(messages: Any) -> Writing | str:
    if isinstance(messages, list) and all(isinstance(m, Mapping) for m in messages):
        said = [{"content": m.get("content", m.get("value"))} for m in messages]
        before, text = plain_text(said[:-1]), plain_text(said[-1:])
        if before is not None and text is not None and text.strip():
            return Writing(f"{before}\n" if before else "", text)
    return "has messages that are not a list of objects with content"

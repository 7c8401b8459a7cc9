"""Prompt files -> prompts, drawn by number: the n-th group of a run always gets the same prompt."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from hitl.config.session import SessionConfig
from hitl.data.labelled import OBJECTS, TABLES, labelled_texts, review_folders
from hitl.data.rows import Account
from hitl.errors import HitlError, UsageError
from hitl.records import Prompt
from hitl.shipped import shipped


def prompts_of(config: SessionConfig) -> tuple[str, ...]:
    """The texts the run draws from."""
    path = Path(config.prompts) if config.prompts else shipped_prompts(config.lang)
    return load_prompts(path)


def load_prompts(path: Path) -> tuple[str, ...]:
    """The prompts of a UTF-8 file, one a line, spaces at both ends removed; or the texts of a data
    set: the column `text` of .csv, .tsv and .jsonl, or the folders pos and neg of aclImdb.

    Blank lines and lines that start with # are skipped; a byte order mark is allowed. Raises
    UsageError when the file is missing, another folder, unreadable, not UTF-8 or without prompts.
    """
    if path.suffix.lower() in TABLES + OBJECTS or review_folders(path) is not None:
        account = Account(path)
        rows = labelled_texts(path, account, labels=None)
        texts = tuple(" ".join(row.text.split()) for row in rows)
        account.settle("skip")
        if account.bad:
            raise UsageError(f"{account.lines()[0]}: mend or remove what cannot be a prompt")
        return texts
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UsageError(f"no prompt file {path}: check the path, or leave --prompts out") from None
    except IsADirectoryError:
        raise UsageError(f"{path} is a folder: --prompts wants a text file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot read the prompt file {path}: {reason}") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(
            f"{path} line {line} is not UTF-8: save the file as UTF-8 and try again"
        ) from None
    # Not splitlines(): it also breaks at characters that may stand inside a prompt.
    lines = (line.strip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    prompts = tuple(line for line in lines if line and not line.startswith("#"))
    if not prompts:
        raise UsageError(f"{path} holds no prompts: write one on each line")
    return prompts


def draw(prompts: Sequence[str], seed: int, number: int) -> Prompt:
    """The prompt of group `number` (1 is the first).

    Every epoch shows each prompt once, in an order keyed by (seed, epoch): nothing depends on what
    was drawn before, so a resumed run goes on with the prompts it would have had.
    """
    if number < 1:
        raise ValueError(f"groups count from 1, not {number}")
    epoch, place = divmod(number - 1, len(prompts))
    order = sorted(range(len(prompts)), key=lambda index: _key(seed, epoch, index))
    return Prompt(prompts[order[place]], number)


def shipped_prompts(lang: str) -> Path:
    """The prompt file that comes with the program, for "zh" or "en"."""
    path = shipped("prompts", f"{lang}.txt")
    if path is None:
        raise HitlError(
            f"the prompts of {lang} are missing from this installation: install hitl again, "
            "or give --prompts FILE"
        )
    return path


def _key(seed: int, epoch: int, index: int) -> bytes:
    return hashlib.blake2b(f"{seed} {epoch} {index}".encode(), digest_size=8).digest()

"""`hitl reward train | eval | score`."""

from __future__ import annotations

import dataclasses
import io
import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from hitl.agreement import Agreement, agreement
from hitl.commands.models import progress, train_on_texts
from hitl.commands.sources import language_in, rankings
from hitl.config.reward_commands import RewardEval, RewardScore, RewardTrain
from hitl.data.kinds import Kind, kind_of
from hitl.data.rows import Account, DataError, lines
from hitl.errors import UsageError
from hitl.models import resolve
from hitl.text import safe

if TYPE_CHECKING:
    from hitl.learn.reward_model import RewardResult

CHUNK = 4096
"""Texts read before they are scored: enough to sort by length, few enough for the memory."""


def reward_train(command: RewardTrain) -> int:
    """Trains on whatever DATA is, and prints figures of what was not learned from."""
    root, config = Path(command.root), command.texts
    kind = kind_of(config.data, root) if command.data_kind == "auto" else command.data_kind
    if strangers := command.strangers(kind):
        raise UsageError(f"{', '.join(strangers)}: not for {_called(kind)}, leave that out")
    if config.init is not None:
        config = dataclasses.replace(config, init=Path(resolve(str(config.init), root)))
    if kind == "texts":
        return train_on_texts(config, as_json=command.json)
    read = rankings(config.data, kind, root, config.bad_rows)
    lang = language_in(config.data, kind, root) if config.lang == "auto" else config.lang
    source = config.init or resolve(f"sentiment-{lang}", root)

    from hitl.learn.reward_model import train_reward_model

    result = train_reward_model(config, command.preferences, source, read(), progress)
    if command.json:
        print(json.dumps(_figures(result)))
    else:
        print(f"{result.out}: {result.lists:,} lists, {result.pairs:,} pairs learned from")
        _print_agreement("held out, before", result.before)
        _print_agreement("held out, after", result.after)
        print(f"pictures: {result.out / 'curve.png'}, {result.out / 'calibration.png'}")
    return 0


def reward_eval(command: RewardEval) -> int:
    """Prints the figures of a model on data."""
    root = Path(command.root)
    kind = kind_of(command.data, root) if command.data_kind == "auto" else command.data_kind
    if kind == "texts":
        raise UsageError(
            f"{command.data} holds single texts: give rank lists, preferences or a run"
        )
    source = resolve(command.model, root, "scorer")
    read = rankings(command.data, kind, root, command.bad_rows)

    from hitl.learn.scorers import load_scorer

    scorer = load_scorer(source)

    def scored() -> Iterator[list[list[float]]]:
        lists = read()
        while some := [one.texts for one in itertools.islice(lists, CHUNK)]:
            texts = [text for tiers in some for tier in tiers for text in tier]
            scores = iter(scorer(texts, command.batch_size))
            for tiers in some:
                yield [[next(scores) for _ in tier] for tier in tiers]

    found = agreement(scored())
    if command.json:
        print(json.dumps(dataclasses.asdict(found)))
    else:
        _print_agreement(command.data, found)
    return 0


def reward_score(command: RewardScore) -> int:
    """Prints a score a text."""
    source = resolve(command.model, Path(command.root), "scorer")
    texts = _texts(command)
    if not (chunk := list(itertools.islice(texts, CHUNK))):
        raise UsageError("no text to score: give some as arguments, with --file or on stdin")

    from hitl.learn.scorers import load_scorer

    scorer = load_scorer(source, raw=command.raw)
    rows: list[dict[str, object]] = []
    while chunk:
        for text, score in zip(chunk, scorer(chunk, command.batch_size), strict=True):
            if command.json:
                rows.append({"text": text, "score": score})
            else:
                print(f"{score:8.4f}  {safe(text)}")
        chunk = list(itertools.islice(texts, CHUNK))
    if command.json:
        print(json.dumps({"scores": rows}, ensure_ascii=False))
    return 0


def _texts(command: RewardScore) -> Iterator[str]:
    if command.texts:
        for number, text in enumerate(command.texts, 1):
            yield _utf8(text, f"text {number}")
        return
    if command.file is not None:
        account = Account(command.file)
        for _, line in lines(command.file, account):
            account.good += 1
            yield line.strip()
        if account.bad:
            raise DataError(f"{account.lines()[0]}: mend it, or take it out")
        return
    if sys.stdin.isatty():
        raise UsageError("no text to score: give some as arguments, with --file or on stdin")
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")
    for number, line in enumerate(sys.stdin, 1):
        if line.strip():
            yield _utf8(line, f"standard input line {number}").strip()


def _utf8(text: str, where: str) -> str:
    """Raises UsageError for a text of bytes that were none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{where} is not UTF-8: convert it and try again") from None
    return text


def _print_agreement(name: str, found: Agreement) -> None:
    print(
        f"{name}: {found.pairwise_accuracy:.1%} of {found.pairs:,} pairs right, "
        f"{found.list_accuracy:.1%} of {found.lists:,} lists exact, "
        f"Kendall tau {found.kendall_tau:.2f}, margin {found.margin:.2f}"
    )


def _figures(result: RewardResult) -> dict[str, object]:
    return {
        "out": str(result.out),
        "train_lists": result.lists,
        "train_pairs": result.pairs,
        "pairwise_accuracy_before": result.before.pairwise_accuracy,
        **dataclasses.asdict(result.after),
    }


def _called(kind: Kind) -> str:
    return {"texts": "labelled texts", "ranklist": "rank lists", "pairs": "preferences",
            "run": "a run"}[kind]  # fmt: skip

"""`hitl sft` and `hitl dpo`: a policy learns from texts or judgements that are there already."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from hitl.commands.models import progress
from hitl.commands.sources import language_in, rankings
from hitl.config.offline import Dpo, Sft, Tuning
from hitl.corpora import NAMED, load_corpus
from hitl.data.kinds import Kind, kind_of, run_of
from hitl.data.rows import Account
from hitl.data.writings import Writing, best_of, writings
from hitl.errors import UsageError
from hitl.language import language_of
from hitl.models import resolve
from hitl.opening import config_of

if TYPE_CHECKING:
    from hitl.learn.sft_dpo import TuningResult


def sft(command: Sft) -> int:
    """Fine-tunes on the texts of DATA, or on the best of each list."""
    tuning, root = command.tuning, Path(command.tuning.root)
    # A line of a .txt is a text, whatever stands in it.
    kind = "texts" if tuning.data.lower().endswith(".txt") else kind_of(tuning.data, root)
    source = _policy(tuning, kind)

    from hitl.learn.sft_dpo import train_sft

    return _say(train_sft(command, source, _writings(tuning, kind), progress), tuning, "texts")


def dpo(command: Dpo) -> int:
    """Learns the judgements of a run, or of a file."""
    tuning, root = command.tuning, Path(command.tuning.root)
    kind = kind_of(tuning.data, root)
    if kind == "texts":
        raise UsageError(
            f"{tuning.data} holds single texts: give rank lists, preferences or a run, or learn "
            "the texts with hitl sft"
        )
    source = _policy(tuning, kind)
    read = rankings(tuning.data, kind, root, tuning.bad_rows)

    from hitl.learn.sft_dpo import train_dpo

    return _say(train_dpo(command, source, read(), progress), tuning, "pairs")


def _writings(tuning: Tuning, kind: Kind) -> Iterator[Writing]:
    if kind != "texts":
        for one in rankings(tuning.data, kind, Path(tuning.root), tuning.bad_rows)():
            yield from best_of(one)
    elif tuning.data in NAMED:
        for example in load_corpus(tuning.data, parts=("train",)):
            yield Writing("", example.text)
    else:
        account = Account(Path(tuning.data))
        yield from writings(account.path, account)
        account.settle(tuning.bad_rows)
        for line in account.lines():
            print(line, file=sys.stderr)


def _policy(tuning: Tuning, kind: Kind) -> Path | str:
    """The policy that was named, that of the run, or the shipped one of the language."""
    root = Path(tuning.root)
    if tuning.policy is not None:
        return resolve(tuning.policy, root, "policy")
    run = run_of(tuning.data, root) if kind == "run" else None
    if run is not None:
        return resolve(config_of(run).base_policy, root)
    if kind != "texts":
        lang = language_in(tuning.data, kind, root)
    elif tuning.data in NAMED:
        lang = "en" if tuning.data == "vader" else "zh"
    else:
        path = Path(tuning.data)
        lang = language_of(one.prompt + one.text for one in writings(path, Account(path)))
    return resolve(f"tiny-{lang}", root)


def _say(result: TuningResult, tuning: Tuning, rows: str) -> int:
    figures: dict[str, object] = {
        "out": str(result.out),
        rows: result.rows,
        "loss_before": result.loss_before,
        "loss_after": result.loss_after,
    }
    if result.accuracy is not None:
        figures["accuracy"] = result.accuracy
    if tuning.json:
        print(json.dumps(figures))
        return 0
    print(f"{result.out}: {result.rows:,} {rows} learned from")
    print(f"held-out loss: {result.loss_before:.3f} before, {result.loss_after:.3f} after")
    if result.accuracy is not None:
        print(f"held-out pairs whose better text gained more: {result.accuracy:.1%}")
    print(f"go on with: hitl train --policy {result.out}")
    return 0

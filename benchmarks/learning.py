"""What a policy has learned after so many labels: our step against the classic one.

    python benchmarks/learning.py run RESULTS.jsonl [--langs zh en] [--seeds 1 2 3 4 5] ...
    python benchmarks/learning.py table RESULTS.jsonl

`run` lets a simulated operator judge through the very session a person sits at, once for each
language, mode, method and seed, and writes a line to RESULTS after each number of labels. What is
there already is not done again, so a killed run goes on when the command is given again.

`table` prints Markdown: the figures after each number of labels (mean and bootstrap interval of
95 % over seeds), what was gained for the root of the KL, by which the best of short ways gain (a
policy tilted by its reward gains √(2 KL) of the reward's deviation), gold reward at equal KL (on
the line through a run's own points, from the base policy on, where the sequence KL is as asked),
and the labels it took to equal gold within a KL.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import tyro
from gold import gold_scorer
from learning_methods import METHODS, Lang, Method, Mode, Row, read
from learning_tables import plot, tables

from hitl.assemble import opened
from hitl.creation import create_run
from hitl.metrics import mean
from hitl.models import resolve
from hitl.opening import config_of
from hitl.prompts import prompts_of
from hitl.records import Prompt
from hitl.rundir import RunDir
from hitl.scale import Scale
from hitl.simulate import ScoreTexts, SimulatedOperator, full_texts, portrait
from hitl.unsteady import Unsteadiness

SAMPLED_TOGETHER = 8
"""Completions of a prompt in a portrait."""


@dataclass(frozen=True)
class Run:
    """Let the simulated operator judge."""

    results: tyro.conf.Positional[Path]
    """File the lines are added to."""
    langs: tuple[Lang, ...] = ("zh", "en")
    modes: tuple[Mode, ...] = ("score", "rank")
    methods: tuple[str, ...] = ()
    """Names of methods; none is all of them."""
    seeds: tuple[int, ...] = (1, 2, 3, 4, 5)
    labels: tuple[int, ...] = (32, 64, 128, 256, 512)
    """Numbers of labels after which the policy is looked at."""
    noise: float | Literal["human"] = "human"
    """As of `hitl simulate`; so are the next four."""
    mistake: float = 0.0
    skip: float = 0.0
    tie: float = 0.0
    drift: float = 0.0
    samples: int = 256
    """Completions a look."""
    gold: str | None = None
    """Scorer of the result; by default one of another kind, made from texts that the one that
    judges has not seen (benchmarks/gold.py)."""
    threads: int = 1


@dataclass(frozen=True)
class Table:
    """Print what was found."""

    results: tyro.conf.Positional[Path]
    kl: tuple[float, ...] = (2.0, 5.0, 10.0)
    """Sequence KLs, nats, at which methods are compared."""
    gold: tuple[float, ...] = (0.6, 0.7)
    """Gold rewards whose labels are counted."""
    plot: Path | None = None
    """Picture to draw of it, PNG."""


def main() -> None:
    command = tyro.cli(Run | Table)
    if isinstance(command, Table):
        rows = read(command.results)
        print("\n".join(tables(rows, command.kl, command.gold)))
        if command.plot is not None:
            plot(rows, command.plot)
    else:
        run(command)


# --- runs ---------------------------------------------------------------------------------------


def run(command: Run) -> None:
    """Every setting that RESULTS does not have yet, one seed after the other, so that a run cut
    short has all methods."""
    done = {(r.lang, r.mode, r.method, r.seed) for r in read(command.results)
            if r.labels == max(command.labels)}  # fmt: skip
    for seed in command.seeds:
        for lang in command.langs:
            for mode in command.modes:
                for method in METHODS:
                    if command.methods and method.name not in command.methods:
                        continue
                    if (lang, mode, method.name, seed) not in done:
                        rows = list(learn(command, lang, mode, method, seed))
                        with command.results.open("a", encoding="utf-8") as file:
                            file.writelines(json.dumps(asdict(row)) + "\n" for row in rows)
                        print(rows[-1], flush=True)


def learn(command: Run, lang: Lang, mode: Mode, method: Method, seed: int) -> Iterable[Row]:
    """One run, looked at from the base policy on."""
    from hitl.learn.scorers import Scorer

    config = method.config(lang=lang, mode=mode, seed=seed, threads=command.threads)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        judge = Scorer(resolve(f"sentiment-{lang}", root))
        gold = Scorer(resolve(command.gold, root)) if command.gold else gold_scorer(lang)
        run_dir = create_run(root, "run", config)
        for labels in (0, *sorted(command.labels)):
            yield _leg(run_dir, command, method, labels, judge, gold)


def _leg(
    run_dir: RunDir, command: Run, method: Method, labels: int, judge: ScoreTexts, gold: ScoreTexts
) -> Row:
    """The run from where it is to `labels` labels, and what the policy writes then."""
    config = config_of(run_dir)
    noise = None if isinstance(command.noise, str) else command.noise
    how = Unsteadiness(noise, command.mistake, command.skip, command.tie, command.drift)
    operator = SimulatedOperator(judge, Scale.parse(config.scale), how, config.seed, 0)
    with opened(run_dir, operator) as this:
        operator.labels_left = labels - this.journal.totals().labels
        this.session.run()
        texts = prompts_of(config)
        prompts = [
            Prompt(texts[i % len(texts)], -1 - i)
            for i in range(command.samples // SAMPLED_TOGETHER)
        ]

        groups = this.engine.submit(lambda e: e.sample(prompts, SAMPLED_TOGETHER, 0)).result()
        kl = this.engine.submit(lambda e: e.sequence_kl(groups)).result()
        seen = portrait(groups, gold, kl)
        theirs = mean(judge([text for group in groups for text in full_texts(group)]))
        own = [stats.own_accuracy for stats in this.journal.updates() if stats.own_accuracy]
        print(method.name, config.seed, labels, seen, theirs, own, file=sys.stderr, flush=True)
        totals = this.journal.totals()
    return Row(
        lang=config.lang,
        mode=config.mode,
        method=method.name,
        seed=config.seed,
        labels=labels,
        judgements=totals.judgements,
        keystrokes=totals.keystrokes,
        gold=seen.gold,
        sequence_kl=seen.sequence_kl,
        distinct2=seen.distinct2,
        length=seen.length,
        duplicates=seen.duplicates,
        operator=theirs,
    )


if __name__ == "__main__":
    main()

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
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

import tyro
from gold import gold_scorer
from learning_methods import METHODS, Lang, Method, Mode, Row, read
from learning_tables import plot, tables

from hitl.assemble import opened
from hitl.config.session import SessionConfig
from hitl.creation import create_run
from hitl.metrics import mean
from hitl.models import resolve
from hitl.prompts import prompts_of
from hitl.records import Group, Prompt
from hitl.scale import Scale
from hitl.simulate import Portrait, ScoreTexts, SimulatedOperator, full_texts, portrait
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
    methods: tuple[str, ...] = ()
    """Names of methods; none is all of them."""
    kl: tuple[float, ...] = (2.0, 5.0, 10.0)
    """Sequence KLs, nats, at which methods are compared."""
    gold: tuple[float, ...] = (0.6, 0.7)
    """Gold rewards whose labels are counted."""
    beside: int | None = None
    """Labels of the peers that methods are laid beside, at the same KL; None: as many."""
    plot: Path | None = None
    """Picture to draw of it, PNG."""


def main() -> None:
    command = tyro.cli(Run | Table)
    if isinstance(command, Table):
        rows = read(command.results)
        if command.methods:
            rows = [row for row in rows if row.method in command.methods]
        print("\n".join(tables(rows, command.kl, command.gold, command.beside)))
        if command.plot is not None:
            plot(rows, command.plot)
    else:
        run(command)


# --- looks --------------------------------------------------------------------------------------


class Writes(Protocol):
    """What is looked at."""

    def sample(self, prompts: Sequence[Prompt], group_size: int, seed: int) -> list[Group]:
        """See hitl.engine.Engine."""
        ...

    def sequence_kl(self, groups: Sequence[Group]) -> float:
        """See hitl.engine.Engine."""
        ...


@dataclass(frozen=True)
class Jury:
    """Who looks at a policy, and what it is given to write."""

    judge: ScoreTexts
    gold: ScoreTexts
    texts: Sequence[str]
    samples: int

    def look(self, policy: Writes) -> tuple[Portrait, float]:
        """What it writes on fixed prompts and seeds, and the judge's own mean utility of that."""
        prompts = [
            Prompt(self.texts[i % len(self.texts)], -1 - i)
            for i in range(self.samples // SAMPLED_TOGETHER)
        ]
        groups = policy.sample(prompts, SAMPLED_TOGETHER, 0)
        seen = portrait(groups, self.gold, policy.sequence_kl(groups))
        return seen, mean(self.judge([text for group in groups for text in full_texts(group)]))


@dataclass(frozen=True)
class Seen:
    """Of a policy after some labels."""

    portrait: Portrait
    judged: float
    """Mean utility under the scorer that judged."""
    judgements: int
    keystrokes: int


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
    noise = None if isinstance(command.noise, str) else command.noise
    noise = noise if method.noise is None else method.noise
    how = Unsteadiness(noise, command.mistake, command.skip, command.tie, command.drift)
    how = replace(how, **method.errs)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        judge = Scorer(resolve(f"sentiment-{lang}", root))
        gold = Scorer(resolve(command.gold, root)) if command.gold else gold_scorer(lang)
        operator = SimulatedOperator(judge, Scale.parse(config.scale), how, seed, 0)
        jury = Jury(judge, gold, prompts_of(config), command.samples)
        legs = _dpo_legs if method.online_dpo else _legs
        for labels, seen in legs(root, config, operator, jury, (0, *sorted(command.labels))):
            print(method.name, seed, labels, seen, file=sys.stderr, flush=True)
            yield Row(
                lang=lang,
                mode=mode,
                method=method.name,
                seed=seed,
                labels=labels,
                judgements=seen.judgements,
                keystrokes=seen.keystrokes,
                gold=seen.portrait.gold,
                sequence_kl=seen.portrait.sequence_kl,
                distinct2=seen.portrait.distinct2,
                length=seen.portrait.length,
                duplicates=seen.portrait.duplicates,
                operator=seen.judged,
            )


def _legs(
    root: Path,
    config: SessionConfig,
    operator: SimulatedOperator,
    jury: Jury,
    labels: Iterable[int],
) -> Iterator[tuple[int, Seen]]:
    """A run, continued to each of these numbers of labels; what is seen there."""
    run_dir = create_run(root, "run", config)
    for until in labels:
        with opened(run_dir, operator) as this:
            operator.labels_left = until - this.journal.totals().labels
            this.session.run()
            totals = this.journal.totals()
            seen = this.engine.submit(jury.look).result()
        yield until, Seen(*seen, totals.judgements, totals.keystrokes)


def _dpo_legs(
    root: Path,
    config: SessionConfig,
    operator: SimulatedOperator,
    jury: Jury,
    labels: Iterable[int],
) -> Iterator[tuple[int, Seen]]:
    """The same of a policy that is taught by online DPO."""
    from online_dpo import OnlineDPO

    policy = OnlineDPO(resolve(config.base_policy, root), config)
    for until in labels:
        operator.labels_left = until - sum(j.labels for j in policy.judgements)
        policy.learn(operator)
        keys = sum(len(judgement.keys) for judgement in policy.judgements)
        yield until, Seen(*jury.look(policy), len(policy.judgements), keys)


if __name__ == "__main__":
    main()

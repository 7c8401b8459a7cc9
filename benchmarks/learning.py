"""What a policy has learned after so many labels: our step against the classic one.

    python benchmarks/learning.py run RESULTS.jsonl [--langs zh en] [--seeds 1 2 3 4 5] ...
    python benchmarks/learning.py table RESULTS.jsonl

`run` lets a simulated operator judge through the very session a person sits at, once for each
language, mode, method and seed, and writes a line to RESULTS after each number of labels. What is
there already is not done again, so a killed run goes on when the command is given again.

`table` prints Markdown: the figures after each number of labels (mean and bootstrap interval of
95 % over seeds), gold reward at equal KL (on the line through a run's own points, from the base
policy on, where the sequence KL is as asked), and the labels it took to equal gold within a KL.
"""

from __future__ import annotations

import itertools
import json
import random
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import tyro
from gold import gold_scorer

from hitl.assemble import opened
from hitl.config.ppo import TRL_CLASSIC
from hitl.config.session import SessionConfig
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

Lang = Literal["zh", "en"]
Mode = Literal["score", "rank"]

SAMPLED_TOGETHER = 8
"""Completions of a prompt in a portrait."""


@dataclass(frozen=True)
class Method:
    """A way to learn from the labels."""

    name: str
    preset: Literal["human", "trl-classic"]
    lr: float | None = None
    """None: the preset's own."""
    lr_decay: float | None = None
    """None: the preset's own."""
    amplify: Literal["off", "on"] = "off"
    target_kl: float | None = None
    """None: the preset's own."""


METHODS = (
    Method("default", "human"),
    Method("lr 0.0003 throughout", "human", lr=3e-4, lr_decay=0),
    Method("default, KL 8", "human", target_kl=8.0),
    Method("amplify", "human", amplify="on"),
    Method("amplify, KL 8", "human", amplify="on", target_kl=8.0),
    Method(f"classic, its lr {TRL_CLASSIC.lr:g}", "trl-classic"),
    *(Method(f"classic, lr {lr:g}", "trl-classic", lr) for lr in (5e-5, 1.5e-4, 5e-4)),
)


@dataclass(frozen=True)
class Row:
    """One line of the results."""

    lang: str
    mode: str
    method: str
    seed: int
    labels: int
    judgements: int
    keystrokes: int
    gold: float
    """Mean gold reward on fixed prompts and seeds, 0 to 1."""
    sequence_kl: float
    """KL to the base policy, nats a completion."""
    distinct2: float
    length: float
    """Tokens a completion."""
    duplicates: float = 0.0
    """Share of completions that an earlier one is."""
    operator: float = 0.0
    """Mean utility under the scorer that judged: what the policy could have learned to fool."""


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

    config = SessionConfig(
        lang=lang,
        mode=mode,
        preset=method.preset,
        lr=method.lr,
        lr_decay=method.lr_decay,
        target_kl=method.target_kl,
        amplify=method.amplify,
        seed=seed,
        threads=command.threads,
    )
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


def read(path: Path) -> list[Row]:
    """The lines of a results file; none when it is not there."""
    if not path.exists():
        return []
    return [Row(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


# --- tables -------------------------------------------------------------------------------------


def tables(rows: Sequence[Row], kls: Sequence[float], golds: Sequence[float]) -> Iterable[str]:
    """Markdown, one table a language and mode."""
    for lang, mode in sorted({(r.lang, r.mode) for r in rows}, reverse=True):
        here = [r for r in rows if (r.lang, r.mode) == (lang, mode)]
        base = [r for r in here if r.labels == 0]
        yield (
            f"**{lang}, {mode}**: the base policy has gold reward {_mean_of(base, 'gold')}, "
            f"distinct-2 {_mean_of(base, 'distinct2')}, {_mean_of(base, 'length', 0)} tokens."
        )
        yield ""
        head = ["method", "labels", "judgements", "keys", "gold reward", "judge's own", "KL, nats",
                "distinct-2", "tokens", "copies", "seeds"]  # fmt: skip
        yield f"| {' | '.join(head)} |"
        yield "|---" * len(head) + "|"
        for method in METHODS:
            mine = [r for r in here if r.method == method.name]
            for place, labels in enumerate(sorted({r.labels for r in mine} - {0})):
                chosen = [r for r in mine if r.labels == labels]
                cells = [
                    method.name if place == 0 else "",
                    str(labels),
                    _mean_of(chosen, "judgements", 0, interval=False),
                    _mean_of(chosen, "keystrokes", 0, interval=False),
                    _mean_of(chosen, "gold"),
                    _mean_of(chosen, "operator", interval=False),
                    _mean_of(chosen, "sequence_kl", 1),
                    _mean_of(chosen, "distinct2"),
                    _mean_of(chosen, "length", 0),
                    _mean_of(chosen, "duplicates", interval=False),
                    str(len(chosen)),
                ]
                yield f"| {' | '.join(cells)} |"
        yield ""
        yield from _reached(here, kls, golds)
        yield from _beside_classic(here)


def _reached(rows: Sequence[Row], kls: Sequence[float], golds: Sequence[float]) -> Iterable[str]:
    """Gold at equal KL, and labels to equal gold without going further than a KL, a method a row.
    Labels are those of the first look where it was so; seeds that never were are counted."""
    head = ["method", *(f"gold at KL {kl:g}" for kl in kls)]
    head += [f"labels to {gold:g} within KL {kl:g}" for gold in golds for kl in kls]
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    for method in METHODS:
        runs = _runs([r for r in rows if r.method == method.name])
        if runs:
            cells = [_spread(_golds_at(runs, kl)) for kl in kls]
            cells += [_needed(runs, gold, kl) for gold in golds for kl in kls]
            yield f"| {method.name} | {' | '.join(cells)} |"
    yield ""


def _beside_classic(rows: Sequence[Row]) -> Iterable[str]:
    """Each of our methods beside the classic step after as many labels and at the same KL, seed by
    seed: on the line through the classic runs' points, from the base policy on and from one
    learning rate to the next."""
    head = ["method", "labels", "gold reward", "classic's at this KL", "difference",
            "distinct-2", "classic's", "tokens", "classic's", "seeds"]  # fmt: skip
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    classic = {m.name for m in METHODS if m.preset == "trl-classic"}
    for method in METHODS:
        if method.name in classic:
            continue
        for labels in sorted({r.labels for r in rows if r.method == method.name} - {0}):
            pairs = []
            for mine in (r for r in rows if (r.method, r.labels) == (method.name, labels)):
                theirs = [r for r in rows if r.seed == mine.seed and r.method in classic]
                line = [r for r in theirs if r.labels == labels]
                line += [r for r in theirs if r.labels == 0][:1]
                if (point := _at_kl(line, mine.sequence_kl)) is not None:
                    pairs.append((mine, point))
            if pairs:
                ours, others = zip(*pairs, strict=True)
                cells = [
                    method.name,
                    str(labels),
                    _mean_of(ours, "gold"),
                    _mean_of(others, "gold"),
                    _spread([one.gold - other.gold for one, other in pairs]),
                    _mean_of(ours, "distinct2", interval=False),
                    _mean_of(others, "distinct2", interval=False),
                    _mean_of(ours, "length", 0, interval=False),
                    _mean_of(others, "length", 0, interval=False),
                    str(len(pairs)),
                ]
                yield f"| {' | '.join(cells)} |"
    yield ""


def _at_kl(points: Sequence[Row], kl: float) -> Row | None:
    """Between the two neighbours in KL; None beyond the last."""
    for before, after in itertools.pairwise(sorted(points, key=lambda r: r.sequence_kl)):
        if before.sequence_kl <= kl <= after.sequence_kl:
            share = (kl - before.sequence_kl) / (after.sequence_kl - before.sequence_kl)
            return replace(
                before,
                sequence_kl=kl,
                gold=before.gold + share * (after.gold - before.gold),
                distinct2=before.distinct2 + share * (after.distinct2 - before.distinct2),
                length=before.length + share * (after.length - before.length),
            )
    return None


def _runs(rows: Sequence[Row]) -> list[list[Row]]:
    """The looks of each seed's run, in order."""
    by_seed: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        by_seed[row.seed].append(row)
    return [sorted(run, key=lambda r: r.labels) for run in by_seed.values()]


def _golds_at(runs: Sequence[Sequence[Row]], kl: float) -> list[float]:
    """Gold reward of each run where its sequence KL first is `kl`; none of one that never went so
    far."""
    found = []
    for points in runs:
        for before, after in itertools.pairwise(points):
            if before.sequence_kl <= kl <= after.sequence_kl:
                share = (kl - before.sequence_kl) / (after.sequence_kl - before.sequence_kl)
                found.append(before.gold + share * (after.gold - before.gold))
                break
    return found


def _needed(runs: Sequence[Sequence[Row]], gold: float, kl: float) -> str:
    """Median labels, and how many of the runs got there."""
    firsts = [
        next((r.labels for r in run if r.gold >= gold and r.sequence_kl <= kl), None)
        for run in runs
    ]
    there = [labels for labels in firsts if labels is not None]
    if not there:
        return f"– (0 of {len(runs)})"
    return f"{statistics.median(there):.0f} ({len(there)} of {len(runs)})"


def _mean_of(rows: Sequence[Row], field: str, digits: int = 2, *, interval: bool = True) -> str:
    values = [getattr(row, field) for row in rows]
    return _spread(values, digits) if interval else f"{mean(values):.{digits}f}"


def _spread(values: Sequence[float], digits: int = 2) -> str:
    """Mean and its bootstrap interval of 95 % over seeds."""
    if not values:
        return "–"
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    low, high = interval_of(values)
    return f"{mean(values):.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def interval_of(values: Sequence[float], draws: int = 2000) -> tuple[float, float]:
    """95 % percentile interval of the mean, by drawing from the values with replacement."""
    chance = random.Random(0)
    means = sorted(mean(chance.choices(values, k=len(values))) for _ in range(draws))
    return means[round(0.025 * (draws - 1))], means[round(0.975 * (draws - 1))]


def plot(rows: Sequence[Row], path: Path) -> None:
    """Gold reward against labels, a panel a language and mode, with the intervals."""
    from matplotlib import pyplot

    settings = sorted({(r.lang, r.mode) for r in rows}, reverse=True)
    figure, panels = pyplot.subplots(
        1, len(settings), figsize=(5 * len(settings), 4), squeeze=False, sharey=True
    )
    for panel, (lang, mode) in zip(panels[0], settings, strict=True):
        for place, method in enumerate(METHODS):
            mine = [r for r in rows if (r.lang, r.mode, r.method) == (lang, mode, method.name)]
            if counts := sorted({r.labels for r in mine}):
                golds = [[r.gold for r in mine if r.labels == n] for n in counts]
                ends = [interval_of(values) for values in golds]
                colour = f"C{place}"
                panel.plot(counts, [mean(g) for g in golds], label=method.name, color=colour)
                lows, highs = zip(*ends, strict=True)
                panel.fill_between(counts, lows, highs, color=colour, alpha=0.15)
        panel.set(title=f"tiny-{lang}, {mode}", xlabel="labels", ylabel="gold reward")
        panel.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=75)


if __name__ == "__main__":
    main()

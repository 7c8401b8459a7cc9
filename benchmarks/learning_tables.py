"""The tables and the picture of what `learning.py` found."""

from __future__ import annotations

import io
import itertools
import random
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from learning_methods import METHODS, Row
from PIL import Image

from hitl.metrics import mean


def tables(
    rows: Sequence[Row], kls: Sequence[float], golds: Sequence[float], beside: int | None = None
) -> Iterable[str]:
    """Markdown, one table a language and mode. `beside` are the labels that peers had, None: as
    many as what they are laid beside."""
    for lang, mode in sorted({(r.lang, r.mode) for r in rows}, reverse=True):
        here = [r for r in rows if (r.lang, r.mode) == (lang, mode)]
        base = [r for r in here if r.labels == 0]
        start = mean([r.gold for r in base])
        yield (
            f"**{lang}, {mode}**: the base policy has gold reward {_mean_of(base, 'gold')}, "
            f"distinct-2 {_mean_of(base, 'distinct2')}, {_mean_of(base, 'length', 0)} tokens."
        )
        yield ""
        head = ["method", "labels", "judgements", "keys", "gold reward", "judge's own", "KL, nats",
                "gain / √KL", "distinct-2", "tokens", "copies", "seeds"]  # fmt: skip
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
                    # An estimate of a KL of hardly anything may lie below 0.
                    _spread(
                        [(r.gold - start) / r.sequence_kl**0.5 for r in chosen if r.sequence_kl > 0]
                    ),
                    _mean_of(chosen, "distinct2"),
                    _mean_of(chosen, "length", 0),
                    _mean_of(chosen, "duplicates", interval=False),
                    str(len(chosen)),
                ]
                yield f"| {' | '.join(cells)} |"
        yield ""
        yield from _reached(here, kls, golds)
        yield from _beside_peers(here, beside)


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


def _beside_peers(rows: Sequence[Row], their_labels: int | None) -> Iterable[str]:
    """Each of our methods beside each peer at the same KL, after as many labels or after
    `their_labels`, seed by seed: on the line through the peer's points, from the base policy on and
    from one learning rate to the next."""
    peer = "beside" if their_labels is None else f"beside, after {their_labels} labels"
    head = ["method", "labels", "gold reward", peer, "its gold at this KL", "difference",
            "distinct-2", "its", "tokens", "its", "seeds"]  # fmt: skip
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    peers = {m.name: m.peer for m in METHODS if m.peer}
    for method, peer in itertools.product(METHODS, dict.fromkeys(peers.values())):
        if method.name in peers:
            continue
        for labels in sorted({r.labels for r in rows if r.method == method.name} - {0}):
            pairs = []
            for mine in (r for r in rows if (r.method, r.labels) == (method.name, labels)):
                theirs = [r for r in rows if r.seed == mine.seed and peers.get(r.method) == peer]
                line = [r for r in theirs if r.labels == (their_labels or labels)]
                line += [r for r in theirs if r.labels == 0][:1]
                if (point := _at_kl(line, mine.sequence_kl)) is not None:
                    pairs.append((mine, point))
            if pairs:
                ours, others = zip(*pairs, strict=True)
                cells = [
                    method.name,
                    str(labels),
                    _mean_of(ours, "gold"),
                    peer,
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
    shown = [method for method in METHODS if any(r.method == method.name for r in rows)]
    figure, panels = pyplot.subplots(
        1,
        len(settings),
        figsize=(4 * len(settings), 4),
        squeeze=False,
        sharey=True,
        layout="constrained",
    )
    for panel, (lang, mode) in zip(panels[0], settings, strict=True):
        for place, method in enumerate(shown):
            mine = [r for r in rows if (r.lang, r.mode, r.method) == (lang, mode, method.name)]
            if counts := sorted({r.labels for r in mine}):
                golds = [[r.gold for r in mine if r.labels == n] for n in counts]
                ends = [interval_of(values) for values in golds]
                colour = f"C{place}"
                style = "--" if method.peer else "-"
                means = [mean(g) for g in golds]
                panel.plot(counts, means, style, label=method.name, color=colour)
                lows, highs = zip(*ends, strict=True)
                panel.fill_between(counts, lows, highs, color=colour, alpha=0.15)
        panel.set(title=f"tiny-{lang}, {mode}", xlabel="labels", ylabel="gold reward")
    named = dict(
        (label, line)
        for panel in panels[0]
        for line, label in zip(*panel.get_legend_handles_labels(), strict=True)
    )
    figure.legend(list(named.values()), list(named), loc="outside lower center", ncols=4)
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=75)
    # A picture of few colours: a third of the bytes.
    Image.open(drawn).convert("RGB").quantize(128).save(path, optimize=True)

"""Base policy and taught policy on the same prompts and random numbers, side by side. Pure."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hitl.metrics import distinct_n
from hitl.records import Group
from hitl.simulate import ScoreTexts, full_texts
from hitl.text import safe


@dataclass(frozen=True, slots=True)
class Sample:
    """One prompt, completed by both."""

    prompt: str
    before: str
    after: str
    reward_before: float
    reward_after: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the updates of a run did to its policy."""

    version: int
    """Updates the taught policy has had."""
    sequence_kl: float
    """Mean over completions of sum over tokens of log p - log p_ref, nats."""
    distinct2_before: float
    """Share of token bigrams that are different ones."""
    distinct2_after: float
    length_before: float
    """Tokens a completion, end token included."""
    length_after: float
    samples: tuple[Sample, ...]
    named: str
    """The taught policy, as a heading."""

    def to_json(self) -> dict[str, Any]:
        """The figures, then every sample."""
        before = [sample.reward_before for sample in self.samples]
        after = [sample.reward_after for sample in self.samples]
        rest = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        samples = [dataclasses.asdict(sample) for sample in rest.pop("samples")]
        return {
            "n": len(samples),
            "reward_before": statistics.fmean(before),
            "reward_after": statistics.fmean(after),
            "reward_before_median": statistics.median(before),
            "reward_after_median": statistics.median(after),
            **rest,
            "samples": samples,
        }


def compare(
    before: Sequence[Group],
    after: Sequence[Group],
    reward: ScoreTexts,
    version: int,
    sequence_kl: float,
    named: str | None = None,
) -> Comparison:
    """`before` and `after` are of the same prompts, in the same order; `sequence_kl` is of the
    latter to the base policy, `named` what it is called."""
    old = reward([text for group in before for text in full_texts(group)])
    new = reward([text for group in after for text in full_texts(group)])
    pairs = [
        (first.prompt.text, a, b)
        for first, second in zip(before, after, strict=True)
        for a, b in zip(first.completions, second.completions, strict=True)
    ]
    return Comparison(
        version=version,
        sequence_kl=sequence_kl,
        distinct2_before=distinct_n([a.token_ids for _, a, _ in pairs]),
        distinct2_after=distinct_n([b.token_ids for _, _, b in pairs]),
        length_before=statistics.fmean(len(a.token_ids) for _, a, _ in pairs),
        length_after=statistics.fmean(len(b.token_ids) for _, _, b in pairs),
        samples=tuple(
            Sample(prompt, a.text, b.text, x, y)
            for (prompt, a, b), x, y in zip(pairs, old, new, strict=True)
        ),
        named=named or f"after update {version}",
    )


FIGURES = (
    ("reward, mean", "reward_before", "reward_after"),
    ("reward, median", "reward_before_median", "reward_after_median"),
    ("distinct-2", "distinct2_before", "distinct2_after"),
    ("tokens", "length_before", "length_after"),
)


def markdown(comparison: Comparison, rows: int) -> Iterator[str]:
    """Lines of two tables: the figures, and the first `rows` samples."""
    figures = comparison.to_json()
    yield f"| {figures['n']} completions | base policy | {_cell(comparison.named)} |"
    yield "|---|---|---|"
    for name, before, after in FIGURES:
        yield f"| {name} | {figures[before]:.2f} | {figures[after]:.2f} |"
    yield f"| KL to the base, nats a completion | 0 | {comparison.sequence_kl:.2f} |"
    yield ""
    yield "| prompt | base policy | reward | after | reward |"
    yield "|---|---|---|---|---|"
    for sample in comparison.samples[:rows]:
        cells = [
            _cell(sample.prompt),
            _cell(sample.before),
            f"{sample.reward_before:.2f}",
            _cell(sample.after),
            f"{sample.reward_after:.2f}",
        ]
        yield f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    return safe(text).strip().replace("\\", "\\\\").replace("|", "\\|")

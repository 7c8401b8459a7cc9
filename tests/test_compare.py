"""Two policies side by side: figures of the right texts, and tables nothing can break."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from hitl.compare import compare, markdown
from hitl.records import Completion, Group, Prompt


def group(prompt: str, *texts: str, version: int = 0) -> Group:
    """Completions whose token ids are the characters'."""
    return Group(
        Prompt(prompt, -1),
        (1,),
        tuple(Completion(t, tuple(map(ord, t)), (-1.0,) * len(t), True) for t in texts),
        version,
    )


def length(texts: Sequence[str]) -> list[float]:
    return [float(len(text)) for text in texts]


def test_figures_are_of_the_texts_with_their_prompts() -> None:
    before = [group("PP", "a", "bb"), group("Q", "cc", "cc")]
    after = [group("PP", "aaaa", "b"), group("Q", "c", "d")]
    found = compare(before, after, length, version=3, sequence_kl=1.5)
    assert [(s.prompt, s.before, s.after) for s in found.samples] == [
        ("PP", "a", "aaaa"), ("PP", "bb", "b"), ("Q", "cc", "c"), ("Q", "cc", "d"),
    ]  # fmt: skip
    figures = found.to_json()
    assert (figures["n"], figures["version"], figures["sequence_kl"]) == (4, 3, 1.5)
    assert (figures["reward_before"], figures["reward_before_median"]) == (3.25, 3.0)
    assert (figures["reward_after"], figures["reward_after_median"]) == (3.25, 2.5)
    assert (figures["length_before"], figures["length_after"]) == (1.75, 1.75)
    assert figures["distinct2_before"] == pytest.approx(2 / 3)  # bb, cc, cc
    assert figures["distinct2_after"] == pytest.approx(1 / 3)  # aa, aa, aa


def test_markdown_survives_what_a_model_may_write() -> None:
    wild = "a|b\nc\\|\x1b[31m"
    found = compare([group("p|", wild)], [group("p|", "ok")], length, 1, 0.0)
    lines = list(markdown(found, rows=5))
    rows = [line for line in lines if line.startswith("|")]
    assert rows[-1] == r"| p\| | a\|b c\\\|[31m | 14.00 | ok | 4.00 |"
    assert "| reward, mean | 14.00 | 4.00 |" in lines
    assert "\x1b" not in "".join(lines)
    assert len(list(markdown(found, rows=0))) == len(lines) - 1

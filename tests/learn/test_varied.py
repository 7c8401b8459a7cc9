"""Which completions are shown."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch
from hypothesis import given
from hypothesis import strategies as st

from hitl.config.session import SessionConfig
from hitl.learn.engine import LocalEngine
from hitl.learn.varied import most_different
from hitl.records import LabelledGroup, Mode, Prompt

POLICY = Path(__file__).parents[2] / "checkpoints" / "tiny-en"
ALL = SessionConfig(lang="en", max_new_tokens=8, threads=1)
OF_NINE = dataclasses.replace(ALL, candidates=9)
PROMPTS = [Prompt("The film was", 1), Prompt("I bought", 2)]


def test_the_two_furthest_apart_come_first_and_then_who_is_far_from_all_chosen() -> None:
    points = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.2, 0.0], [5.0, 4.0], [9.9, 0.1]])
    assert most_different(points, 2) == [0, 1]
    assert most_different(points, 3) == [0, 1, 3]
    assert sorted(most_different(points, 5)) == [0, 1, 2, 3, 4]


@given(
    st.lists(st.lists(st.floats(-5, 5, width=16), min_size=3, max_size=3), min_size=2, max_size=12),
    st.integers(2, 12),
)
def test_as_many_as_asked_for_each_once_and_no_copy_before_all_that_differ(
    points: list[list[float]], count: int
) -> None:
    count = min(count, len(points))
    chosen = most_different(torch.tensor(points), count)
    assert len(set(chosen)) == count and set(chosen) <= set(range(len(points)))
    kinds = len({tuple(point) for point in points})
    assert len({tuple(points[i]) for i in chosen}) == min(count, kinds)


def engine(config: SessionConfig, told: list[tuple[str, ...]] | None = None) -> LocalEngine:
    heard = [] if told is None else told
    return LocalEngine(
        POLICY, config, lambda *at: None, on_partial=lambda prompt, texts: heard.append(texts)
    )


def test_what_is_judged_is_of_the_candidates_and_the_same_each_time() -> None:
    told: list[tuple[str, ...]] = []
    one = engine(OF_NINE, told)
    groups = one.sample_to_judge(PROMPTS, 4, 3)
    assert not told  # nobody sees texts that may not be shown
    for group, of in zip(groups, one.sample(PROMPTS, 9, 3), strict=True):
        places = [of.completions.index(completion) for completion in group.completions]
        assert len(places) == 4 and places == sorted(set(places))
        assert dataclasses.replace(group, completions=()) == dataclasses.replace(of, completions=())
    assert told
    assert engine(OF_NINE).sample_to_judge(PROMPTS, 4, 3) == groups
    one.update(1, [LabelledGroup(groups[0], (5.0, 1.0, 4.0, 2.0), "op", Mode.SCORE)])
    assert one.version == 1


def test_they_differ_more_than_the_first_that_come() -> None:
    def kinds(config: SessionConfig) -> float:
        made = engine(config)
        groups = made.sample_to_judge([Prompt("The film was", n) for n in range(1, 9)], 4, 3)
        ids = [[set(c.token_ids) for c in group.completions] for group in groups]
        shared = [
            len(a & b) / len(a | b) for group in ids for a in group for b in group if a is not b
        ]
        return sum(shared) / len(shared)

    assert kinds(OF_NINE) < kinds(ALL)


def test_without_candidates_it_is_what_it_was() -> None:
    one = engine(ALL)
    assert one.sample_to_judge(PROMPTS, 4, 3) == one.sample(PROMPTS, 4, 3)

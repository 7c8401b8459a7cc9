from __future__ import annotations

import pytest

from hitl.operator import Desk, Quit
from hitl.records import Completion, Group, Judgement, Mode, Prompt, Ranking, Scores, Skip
from hitl.scale import Scale
from hitl.simulate import SimulatedOperator, portrait, ranked
from hitl.unsteady import Unsteadiness


def group(number: int = 1) -> Group:
    texts = (" good", " bad", " fair", " awful")
    completions = tuple(Completion(t, (i, 7, 7, 7), (-1.0,) * 4, True) for i, t in enumerate(texts))
    return Group(Prompt("It is", number), (1,), completions, 0)


def desk(number: int = 1, mode: Mode = Mode.SCORE) -> Desk:
    return Desk(group(number), mode, (0, 1, 2, 3), 0, 16, 0, None, lambda draft: None)


def likes(texts: list[str]) -> list[float]:
    return [{"good": 1.0, "fair": 0.6, "bad": 0.2, "awful": 0.0}[t.split()[-1]] for t in texts]


def operator(noise: float = 0.0, labels: int = 8) -> SimulatedOperator:
    return SimulatedOperator(likes, Scale(1, 5), Unsteadiness(noise), 1, labels)  # type: ignore[arg-type]


def test_scores_are_utilities_on_the_scale() -> None:
    said = operator().judge(desk())
    assert isinstance(said, Judgement) and said.verdict == Scores((5.0, 2.0, 3.0, 1.0))
    assert said.keys == "5231"


def test_rankings_take_one_key_less_than_completions() -> None:
    said = operator().judge(desk(mode=Mode.RANK))
    assert isinstance(said, Judgement) and said.verdict == Ranking((1, 3, 2, 4))
    assert said.keys == "132"


def test_it_leaves_after_its_labels() -> None:
    one = operator(labels=8)
    assert isinstance(one.judge(desk(1)), Judgement)
    assert isinstance(one.judge(desk(2)), Judgement)
    assert one.judge(desk(3)) == Quit()


def test_noise_is_keyed_by_the_group() -> None:
    one, other = operator(noise=0.5, labels=99), operator(noise=0.5, labels=99)
    one.judge(desk(1))
    assert one.judge(desk(2)) == other.judge(desk(2))
    verdicts = {one.judge(desk(n)).verdict for n in range(1, 20)}  # type: ignore[union-attr]
    assert len(verdicts) > 5


def test_a_portrait_counts_what_is_there() -> None:
    got = portrait([group()], likes, sequence_kl=1.5)  # type: ignore[arg-type]
    assert got.gold == pytest.approx(0.45)
    assert (got.length, got.sequence_kl) == (4.0, 1.5)
    assert got.distinct2 == 5 / 12


def test_ties_are_typed_as_a_person_types_them() -> None:
    assert ranked([0.2, 0.9, 0.9, 0.1]) == (Ranking((3, 1, 1, 4)), "2=31")
    assert ranked([0.5, 0.1, 0.1]) == (Ranking((1, 2, 2)), "12=3")


def test_a_skip_is_no_label_and_one_key() -> None:
    bored = SimulatedOperator(likes, Scale(1, 5), Unsteadiness(0.0, skip=1.0), 1, 8)  # type: ignore[arg-type]
    said = bored.judge(desk())
    assert isinstance(said, Judgement) and (said.verdict, said.keys, said.labels) == (
        Skip(),
        " ",
        0,
    )
    assert bored.labels_left == 8


def test_a_copy_is_counted_once() -> None:
    same = Completion(" good", (1, 2), (-1.0, -1.0), True)
    twice = Group(Prompt("It is", 1), (1,), (same, same, same, same), 0)
    assert portrait([twice], likes, 0.0).duplicates == 0.75  # type: ignore[arg-type]
    assert portrait([group()], likes, 0.0).duplicates == 0.0  # type: ignore[arg-type]

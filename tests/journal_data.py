"""Groups, judgements and updates for the tests of what is on disk."""

from __future__ import annotations

import struct

from hypothesis import strategies as st

from hitl.records import (
    Completion,
    Edit,
    Group,
    Judgement,
    Mode,
    Prompt,
    Ranking,
    Rejected,
    Scores,
    Skip,
    UpdateStats,
    Verdict,
)


def group(number: int, attempt: int = 0, version: int = 0, size: int = 3) -> Group:
    """A small group; its log-probabilities are float32 values."""
    logprobs = struct.unpack("<4f", struct.pack("<4f", -0.1, -2.7, -13.25, -0.0))
    return Group(
        Prompt(f"提示 {number}", number, attempt),
        (101, number),
        tuple(
            Completion(f"天气 {number}.{i} v{version}", (i, 7, 21127, 102), logprobs, i % 2 == 0)
            for i in range(size)
        ),
        version,
        0.9,
        40,
        0.95,
    )


def judgement(
    number: int, attempt: int = 0, verdict: Verdict | None = None, keys: str = "4 2"
) -> Judgement:
    """Scores of two completions of three, unless told otherwise."""
    return Judgement(
        (number, attempt),
        verdict if verdict is not None else Scores((4.0, None, -1.5)),
        "李",
        Mode.SCORE,
        seconds=2.25,
        keys=keys,
        shown=(2, 0, 1),
        note="好\n",
        flag=True,
    )


def stats(number: int, reward: float = 1.5) -> UpdateStats:
    """An update's figures."""
    return UpdateStats(
        number, 2, reward, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 4, 1.1, "ab", ("慢",)
    )


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
int32 = st.integers(-(2**31), 2**31 - 1)
float32 = st.floats(width=32)
finite = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def completions(draw: st.DrawFn) -> Completion:
    """Any completion, log-probabilities of either width."""
    ids = draw(st.lists(int32, max_size=5))
    floats = st.lists(
        draw(st.sampled_from([float32, st.floats()])), min_size=len(ids), max_size=len(ids)
    )
    return Completion(draw(texts), tuple(ids), tuple(draw(floats)), draw(st.booleans()))


@st.composite
def groups(draw: st.DrawFn) -> Group:
    """Any group."""
    return Group(
        Prompt(draw(texts), draw(st.integers(1, 2**40)), draw(st.integers(0, 99))),
        tuple(draw(st.lists(int32, max_size=5))),
        tuple(draw(st.lists(completions(), min_size=1, max_size=4))),
        draw(st.integers(0, 2**40)),
        draw(finite),
        draw(st.integers(0, 10**6)),
        draw(finite),
    )


@st.composite
def judgements_of(draw: st.DrawFn, target: Group) -> Judgement:
    """Any judgement of a group."""
    size = len(target.completions)

    def each(value: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
        return st.lists(st.none() | value, min_size=size, max_size=size).map(tuple)

    opinion = st.builds(Scores, each(finite)) | st.builds(Ranking, each(st.integers(1, size)))
    verdict = draw(
        opinion
        | st.builds(Edit, texts, st.none() | opinion, st.none() | st.integers(0, size - 1))
        | st.sampled_from([Rejected(size), Skip()])
    )
    return Judgement(
        target.key,
        verdict,
        draw(texts),
        draw(st.sampled_from(Mode)),
        draw(finite),
        draw(texts),
        tuple(draw(st.permutations(range(size)))),
        draw(texts),
        draw(st.booleans()),
    )

"""Judgements in the formats of the field: nothing is claimed that the operator did not say."""

from __future__ import annotations

import itertools
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl.data.labelled import labelled_texts
from hitl.data.preferences import preference_pairs
from hitl.data.ranklists import rank_lists as read_rank_lists
from hitl.data.rows import Account
from hitl.export import as_lines, preferences, rank_lists, ranked, scale_of, score_rows, tiers
from hitl.records import (
    Edit,
    JudgedTexts,
    Judgement,
    Mode,
    Prompt,
    Ranking,
    Rejected,
    Scores,
    Skip,
    Verdict,
)
from hitl.scale import Scale

FIVE = Scale(1, 5)


def judged(verdict: Verdict, *texts: str, prompt: str = "P") -> JudgedTexts:
    """A judgement of completions with these texts."""
    mode = Mode.RANK if isinstance(verdict, Ranking) else Mode.SCORE
    judgement = Judgement((7, 0), verdict, "li", mode, seconds=2.5)
    return JudgedTexts(Prompt(prompt, 7), texts, (True,) * len(texts), 3, judgement)


def test_a_rank_list_is_best_to_worst_with_prompt_and_completion() -> None:
    assert list(rank_lists([judged(Ranking((3, 1, 2)), "a", "b", "c")])) == ["Pb\tPc\tPa"]
    assert list(rank_lists([judged(Scores((2.0, 4.5, None)), "a", "b", "c")])) == ["Pb\tPa"]


def test_a_rank_list_knows_no_ties() -> None:
    assert list(rank_lists([judged(Ranking((2, 1, 2, 3)), *"abcd")])) == ["Pb\tPa\tPd"]
    assert list(rank_lists([judged(Scores((3.0, 3.0)), "a", "b")])) == []
    assert list(rank_lists([judged(Skip(), "a", "b")])) == []


def test_tabs_and_line_ends_of_all_kinds_become_spaces() -> None:
    [line] = rank_lists([judged(Ranking((1, 2)), "a\tb\r\nc", "d\u2028e\x0bf")])
    assert line == "Pa b c\tPd e f"


def test_preferences_are_all_pairs_of_better_and_worse() -> None:
    pairs = list(preferences([judged(Ranking((1, 2, 2)), "a", "b", "c")]))
    assert pairs == [
        {"prompt": "P", "chosen": "a", "rejected": "b"},
        {"prompt": "P", "chosen": "a", "rejected": "c"},
    ]


def test_an_edit_is_better_than_all_it_stands_for() -> None:
    pairs = list(preferences([judged(Edit("great"), "a", "b", prompt="The film is")]))
    assert [(p["chosen"], p["rejected"]) for p in pairs] == [(" great", "a"), (" great", "b")]


def test_an_edit_stands_before_what_was_said_of_the_others() -> None:
    both = judged(Edit("own", Ranking((2, 1, None)), 0), "a", "b", "c")
    assert tiers(both) == ((" own",), ("b",), ("a",))
    rows = [(r["completion"], r["label"], r["rank"], r["edited"]) for r in score_rows([both], FIVE)]
    assert rows == [("a", 0.0, 2, False), ("b", 0.5, 1, False), (" own", 1.0, None, True)]
    scored = judged(Edit("own", Scores((2.0, None)), 0), "a", "b")
    assert [(r["label"], r["score"]) for r in score_rows([scored], FIVE)] == [
        (0.25, 2.0),
        (1.0, None),
    ]


def test_two_that_were_rejected_are_both_bad_and_no_pair() -> None:
    bad = judged(Rejected(2), "a", "b")
    assert tiers(bad) == () and list(preferences([bad])) == []
    assert [(r["label"], r["rank"]) for r in score_rows([bad], FIVE)] == [(0.0, None)] * 2


def test_a_score_row_says_what_was_given_and_where_on_the_scale() -> None:
    [row, other] = score_rows([judged(Scores((2.0, None, 5.0)), "a", "b", "c")], FIVE)
    assert (row["text"], row["label"], row["score"], row["rank"]) == ("Pa", 0.25, 2.0, None)
    assert (other["text"], other["label"], other["score"]) == ("Pc", 1.0, 5.0)
    assert (row["group"], row["operator"], row["policy_version"]) == (7, "li", 3)
    ranked = list(score_rows([judged(Ranking((2, 1, 2)), "a", "b", "c")], FIVE))
    assert [(r["rank"], r["label"]) for r in ranked] == [(2, 0.25), (1, 1.0), (2, 0.25)]
    assert list(score_rows([judged(Skip(), "a")], FIVE)) == []
    assert list(score_rows([judged(Ranking((1, None)), "a", "b")], FIVE)) == []


def test_scores_beyond_the_scale_lie_between_the_lowest_and_the_highest() -> None:
    rewards = [judged(Scores((-0.5, 0.0, None)), *"abc"), judged(Scores((0.25,)), "d")]
    scale = scale_of([one.judgement for one in rewards], FIVE)
    assert [row["label"] for row in score_rows(rewards, scale)] == pytest.approx([0, 2 / 3, 1])
    edit = judged(Edit("own", Scores((9.0, 1.0)), 0), "a", "b")
    assert scale_of([edit.judgement], FIVE) == Scale(1, 9)
    alone = judged(Scores((-0.5, -0.5)), "a", "b")
    [row, other] = score_rows([alone], scale_of([alone.judgement], FIVE))
    assert row["label"] == other["label"] == 0.5
    for within in (Scores((2.0, 4.0)), Scores((1.0, None, 5.0)), Skip(), Ranking((1, 2))):
        assert scale_of([judged(within, *"abc").judgement], FIVE) == FIVE


def test_the_same_text_twice_is_neither_a_pair_nor_a_list() -> None:
    same = judged(Scores((2.0, 4.0)), "a", "a")
    assert list(preferences([same])) == list(rank_lists([same])) == list(ranked([same])) == []
    # Another text of a tier stands in its place, where there is one.
    both = judged(Ranking((1, 2, 2)), "a", "a", "b")
    assert list(rank_lists([both])) == ["Pa\tPb"]
    assert [(p["chosen"], p["rejected"]) for p in preferences([both])] == [("a", "b")]
    # What was cleaned for a line, or is read without its ends, may be the same too.
    assert list(rank_lists([judged(Ranking((1, 2, 3)), "a\tb", "a b", "a b ")])) == []
    empty = judged(Ranking((1, 2, 3)), "a", " ", "b")
    assert [(p["chosen"], p["rejected"]) for p in preferences([empty])] == [("a", "b")]
    assert list(rank_lists([judged(Ranking((1, 2)), "a", " ", prompt="")])) == []


@given(
    st.lists(
        st.tuples(st.text("ab \t\n", max_size=2), st.none() | st.floats(-9, 9, width=16)),
        min_size=1,
        max_size=4,
    )
)
def test_what_is_written_can_be_read(group: list[tuple[str, float | None]]) -> None:
    """By the readers of `hitl reward train`, without a bad row."""
    texts, scores = zip(*group, strict=True)
    one = judged(Scores(scores), *texts)
    encode = json.JSONEncoder(ensure_ascii=False).encode
    rows = score_rows([one], scale_of([one.judgement], FIVE))
    with tempfile.TemporaryDirectory() as folder:
        for name, lines, reader in (
            ("a.tsv", rank_lists([one]), read_rank_lists),
            ("b.jsonl", map(encode, preferences([one])), preference_pairs),
            ("c.jsonl", map(encode, rows), labelled_texts),
        ):
            content = as_lines(lines)
            path = Path(folder) / name
            path.write_bytes(content)
            account = Account(path)
            assert len(list(reader(path, account))) == content.count(b"\n")
            assert not account.bad, account.lines()


@given(st.lists(st.none() | st.integers(1, 4), min_size=1, max_size=6))
def test_pairs_agree_with_the_ranks_and_none_is_missing(ranks: list[int | None]) -> None:
    texts = [f"t{i}" for i in range(len(ranks))]
    one = judged(Ranking(tuple(ranks)), *texts)
    wanted = {
        (texts[i], texts[j])
        for i, j in itertools.permutations(range(len(ranks)), 2)
        if ranks[i] is not None and ranks[j] is not None and ranks[i] < ranks[j]  # type: ignore[operator]
    }
    assert {(p["chosen"], p["rejected"]) for p in preferences([one])} == wanted
    assert sorted(t for tier in tiers(one) for t in tier) == sorted(
        text for text, rank in zip(texts, ranks, strict=True) if rank is not None
    )
    for line in rank_lists([one]):
        fields = [field.removeprefix("P") for field in line.split("\t")]
        assert all(pair in wanted for pair in itertools.combinations(fields, 2))

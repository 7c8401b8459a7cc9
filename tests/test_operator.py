"""Drafts: what a half-judged group had, through the journal's strings and back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hitl.operator import Draft
from hitl.records import Edit, Judgement, Mode, Ranking, Rejected, Scores, Verdict

texts = st.text(max_size=5)


@given(st.lists(texts, min_size=1, max_size=4), texts, texts, st.booleans())
def test_a_draft_survives_the_journal(entries: list[str], edit: str, note: str, flag: bool) -> None:
    draft = Draft(tuple(entries), edit, note, flag)
    assert Draft.read(draft.strings, len(entries)) == draft


def test_a_draft_without_note_is_its_entries_alone() -> None:
    assert Draft(("4", "")).strings == ("4", "")


def drafted(verdict: Verdict) -> Draft:
    return Draft.of(Judgement((1, 0), verdict, "op", Mode.SCORE, note="why", flag=True), 2)


def test_what_was_judged_comes_back_as_it_was_entered() -> None:
    assert drafted(Scores((4.0, None))) == Draft(("4", ""), note="why", flag=True)
    assert drafted(Ranking((2, 1))).entries == ("2", "1")
    assert drafted(Rejected(2)).entries == ("", "")
    edited = drafted(Edit("better", rest=Scores((None, 2.5)), of=0))
    assert (edited.entries, edited.edit) == (("", "2.5"), "better")

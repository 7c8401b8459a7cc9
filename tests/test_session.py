"""The loop: what is said is kept, undone and taken up again, wherever it is left."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hitl.checkpoints import Checkpoints
from hitl.engine import EngineThread, UpdateRefusedError
from hitl.journal import JournalError
from hitl.operator import (
    Desk,
    Draft,
    Inspected,
    Judged,
    Notice,
    OwnPrompt,
    Quit,
    Resample,
    Save,
    Saved,
    Undo,
    Undone,
    Updated,
)
from hitl.plain import Lost, PlainOperator
from hitl.records import (
    Edit,
    Judgement,
    Mode,
    Ranking,
    Scores,
    Skip,
)
from hitl.scale import Scale
from hitl.session import Session

from .fakes import FakeEngine, Line, Scripted, held
from .stints import BAD, CONFIG, GOOD, Stint, looked_at


def test_a_full_batch_becomes_an_update_and_a_checkpoint(stint: Stint) -> None:
    operator, engine = stint(GOOD, BAD, GOOD)
    assert engine.version == 1
    [updated] = operator.heard(Updated)
    assert (updated.stats.labels, updated.stats.reward) == (4, 3.0)
    assert [e.version for e in operator.heard(Saved)] == [1, 1]
    assert Checkpoints(stint.folder / "steps").versions() == [1]
    assert stint.journal.totals().pending_labels == 2
    assert [d.batch_labels for d in operator.desks] == [0, 2, 0, 2]


def test_nothing_is_acknowledged_before_it_is_in_the_journal(stint: Stint) -> None:
    seen: list[int] = []

    class Watching(Scripted):
        def notify(self, event: object) -> None:
            if isinstance(event, Judged):
                seen.append(stint.journal.totals().judgements)

    operator = Watching([GOOD, BAD, Quit()])
    thread = EngineThread(FakeEngine)
    Session(held(stint.folder, stint.journal, thread, CONFIG), operator).run()
    thread.close()
    assert seen == [1, 2]


def test_a_run_goes_on_where_it_stood(stint: Stint, tmp_path: Path) -> None:
    _, whole = Stint(tmp_path / "whole" if (tmp_path / "whole").mkdir() is None else tmp_path)(
        GOOD, BAD, BAD, GOOD, GOOD, BAD
    )
    stint(GOOD)
    stint(BAD, BAD)
    _, last = stint(GOOD, GOOD, BAD)
    assert (last.version, last.weights) == (whole.version, whole.weights) and last.version == 3


def test_undo_brings_the_group_back_with_its_scores(stint: Stint) -> None:
    operator, _ = stint(GOOD, Undo(), BAD)
    first, _, again, _ = operator.desks
    assert again.group == first.group and again.draft == Draft(("5", "4"))
    assert again.batch_labels == 0
    assert len(operator.heard(Undone)) == 1
    [pending] = stint.journal.pending()
    assert pending.judgement.verdict == Scores((1, 2))


def test_undo_brings_note_flag_and_own_text_back(stint: Stint) -> None:
    def edited(desk: Desk) -> Judgement:
        verdict = Edit("better", Scores((None, 2.0)), 0)
        return Judgement(desk.group.key, verdict, "op", Mode.SCORE, note="why", flag=True)

    operator, _ = stint(edited, Undo())
    assert operator.desks[2].draft == Draft(("", "2"), "better", "why", True)


def test_places_are_mixed_the_same_way_each_time(stint: Stint) -> None:
    def at_places(desk: Desk) -> Judgement:
        ranks = [0, 0]
        for place, index in enumerate(desk.shown, 1):
            ranks[index] = place
        return Judgement(desk.group.key, Ranking(tuple(ranks)), "op", Mode.RANK, shown=desk.shown)

    operator, _ = stint(at_places, Undo(), *[at_places] * 20, shuffle=True)
    first, _, again, *rest = operator.desks
    assert again.shown == first.shown
    orders = [desk.shown for desk in (first, *rest)]
    assert set(orders) == {(0, 1), (1, 0)} and 4 < orders.count((0, 1)) < 18
    for judged in stint.journal.judged():
        assert isinstance(judged.judgement.verdict, Ranking)
        assert judged.judgement.verdict.ranks[judged.judgement.shown[0]] == 1
    plain, _ = stint(GOOD)
    assert plain.desks[0].shown == (0, 1)


def test_tokens_are_looked_at_while_the_operator_thinks(stint: Stint) -> None:
    heard: list[Inspected] = []
    operators: list[Scripted] = []

    def look(desk: Desk) -> Judgement:
        heard.extend(looked_at(desk, operators[0]))
        return GOOD(desk)

    engine = FakeEngine()
    thread = EngineThread(lambda: engine)
    operators.append(Scripted([look, Quit()]))
    Session(held(stint.folder, stint.journal, thread, CONFIG), operators[0]).run()
    thread.close()
    group = operators[0].desks[0].group
    assert heard[0].group == group.key and heard[0].tokens == engine.inspect(group)


def test_what_is_trained_is_not_undone(stint: Stint) -> None:
    operator, engine = stint(GOOD, BAD, Undo(), Undo())
    assert engine.version == 1 and not operator.heard(Undone)
    assert [("already trained" in n.text) for n in operator.heard(Notice)] == [True, True]


def test_what_was_set_aside_is_not_said_to_be_trained(stint: Stint) -> None:
    def refuse() -> None:
        raise UpdateRefusedError("update 1 was undone, the loss became NaN")

    engine = FakeEngine()
    engine.before_update = refuse
    operator, _ = stint(GOOD, BAD, Undo(), engine=engine)
    assert not operator.heard(Undone)
    assert operator.heard(Notice)[-1].text == "set aside: no update will learn from it"


def test_nothing_to_undo_says_so(stint: Stint) -> None:
    operator, _ = stint(Undo(), GOOD)
    assert "nothing to undo" in operator.heard(Notice)[0].text
    assert operator.desks[0].group == operator.desks[1].group


def test_a_skip_teaches_nothing_and_is_kept(stint: Stint) -> None:
    def skip(desk: object) -> Judgement:
        return Judgement(desk.group.key, Skip(), "op", Mode.SCORE)  # type: ignore[attr-defined]

    operator, engine = stint(skip, GOOD, skip, BAD)
    assert engine.version == 1 and operator.heard(Updated)[0].stats.labels == 4
    assert len(stint.journal.update_batch(1)) == 4


def test_save_writes_a_checkpoint_and_keeps_the_group(stint: Stint) -> None:
    operator, _ = stint(GOOD, BAD, Save(), GOOD)
    assert operator.desks[2].group == operator.desks[3].group


DROPPED = [
    (Draft(("3", ""), note="why"), "the note “why”"),
    (Draft(("", ""), flag=True), "the flag"),
    (Draft(("", ""), "better", "why", True), "the flag, your own text, the note “why”"),
]


@pytest.mark.parametrize(("draft", "told"), DROPPED)
def test_remarks_on_texts_that_are_resampled_are_not_dropped_without_a_word(
    stint: Stint, draft: Draft, told: str
) -> None:
    def other(desk: Desk) -> Resample:
        desk.save_draft(draft)
        return Resample()

    operator, _ = stint(other, GOOD)
    assert [n.text for n in operator.heard(Notice)] == [f"dropped with the old texts: {told}"]
    assert operator.desks[1].group.key == (1, 1) and operator.desks[1].draft is None


def test_texts_that_the_journal_cannot_put_away_stay_on_the_screen(
    stint: Stint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(key: tuple[int, int], reason: str) -> None:
        raise JournalError("the disk is full")

    def again(desk: Desk) -> Judgement:
        monkeypatch.undo()
        return GOOD(desk)

    monkeypatch.setattr(stint.journal, "drop_group", full)
    operator, _ = stint(Resample(), again)
    assert operator.heard(Notice) == [Notice("the disk is full", "error", lost=True)]
    assert operator.desks[0].group == operator.desks[1].group
    assert stint.journal.totals().judgements == 1


@pytest.mark.parametrize("what", ["append", "undo", "drop_group"])
def test_lines_of_a_pipe_are_never_taken_for_another_group(
    stint: Stint, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    calls = iter(range(9))
    keep = getattr(stint.journal, what)

    def once(*given: object) -> object:
        if what != "append" or next(calls) == 2:
            raise JournalError("the disk is full")
        return keep(*given)

    monkeypatch.setattr(stint.journal, what, once)
    said = {"append": "3 3", "undo": "undo", "drop_group": "resample"}[what]
    lines = io.StringIO(f"1 1\n2 2\n{said}\n4 4\n5 5\n")
    operator = PlainOperator("op", Scale(1, 5), lines, io.StringIO())
    thread = EngineThread(FakeEngine)
    config = replace(CONFIG, label_only=True)
    Session(held(stint.folder, stint.journal, thread, config), operator).run()
    thread.close()
    assert operator.lost == Lost(3, "the disk is full")
    kept = [(j.group[0], j.verdict) for j in stint.journal.judgements()]
    assert kept == [(1, Scores((1.0, 1.0))), (2, Scores((2.0, 2.0)))]


def test_of_entries_alone_nothing_is_said_when_they_go(stint: Stint) -> None:
    def other(desk: Desk) -> Resample:
        desk.save_draft(Draft(("3", "")))
        return Resample()

    operator, _ = stint(other, Resample(), GOOD)
    assert not operator.heard(Notice)


def test_remarks_stay_with_a_group_that_waits_for_an_own_prompt(stint: Stint) -> None:
    draft = Draft(("", "2"), "better", "why", True)

    def own(desk: Desk) -> OwnPrompt:
        desk.save_draft(draft)
        return OwnPrompt("mine")

    operator, _ = stint(own, GOOD, GOOD)
    assert operator.desks[2].group.key == operator.desks[0].group.key
    assert operator.desks[2].draft == draft and not operator.heard(Notice)


def test_a_draft_survives(stint: Stint) -> None:
    def half(desk: object) -> Quit:
        desk.save_draft(Draft(("3", "")))  # type: ignore[attr-defined]
        return Quit()

    first, _ = stint(half)
    second, _ = stint()
    assert second.desks[0].draft == Draft(("3", ""))
    assert second.desks[0].group == first.desks[0].group


def test_an_engine_that_cannot_start_ends_the_session_with_its_reason(stint: Stint) -> None:
    def broken() -> FakeEngine:
        raise RuntimeError("no such weights")

    thread = EngineThread(broken)
    session = Session(held(stint.folder, stint.journal, thread, CONFIG), Scripted([]))
    with pytest.raises(RuntimeError, match="no such weights"):
        session.run()
    thread.close()


def script(draw_: Iterable[int]) -> list[Line]:
    return [(GOOD, BAD, Undo(), Resample())[i] for i in draw_]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(0, 3), max_size=14), st.integers(0, 14), st.sampled_from([0, 2]))
def test_stopping_anywhere_loses_nothing_and_applies_nothing_twice(
    tmp_path_factory: pytest.TempPathFactory, said: list[int], cut: int, ahead: int
) -> None:
    whole, parts = (Stint(tmp_path_factory.mktemp("run")) for _ in range(2))
    _, uninterrupted = whole(*script(said))
    parts(*script(said[:cut]), ahead=ahead)
    _, resumed = parts(*script(said[cut:]), ahead=ahead)
    if ahead:  # an update that another one kept waiting when they left is made at the next start
        _, resumed = parts()
    assert resumed.version == uninterrupted.version
    assert resumed.weights == uninterrupted.weights
    consumed = [j.id for n in range(1, resumed.version + 1) for j in parts.journal.update_batch(n)]
    assert len(consumed) == len(set(consumed))
    assert len(consumed) + len(parts.journal.pending()) == parts.journal.totals().judgements

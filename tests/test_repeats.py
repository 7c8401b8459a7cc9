"""Groups that are shown again: when, which, and that nothing learns from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hitl.config.recorded import to_json
from hitl.config.session import SessionConfig
from hitl.engine import EngineThread
from hitl.journal import Journal
from hitl.opening import Opening
from hitl.operator import (
    Desk,
    Draft,
    Judged,
    Notice,
    OwnPrompt,
    Quit,
    Rejudged,
    Reply,
    Resample,
    Save,
    Undo,
)
from hitl.records import Judgement, Mode, Prompt, Scores
from hitl.repeats import APART, SHOWN, due, repeats_of
from hitl.run_quality import quality_of
from hitl.session import Session

from .fakes import FakeEngine, Line, Scripted, held, scores

CONFIG = SessionConfig(lang="en", group_size=2, batch_size=400)
GOOD, BAD = scores(5, 4), scores(1, 2)
FIRST = APART + 1
"""With a share of 1, judgements after which the first group comes again."""


class Stint:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.journal = Journal.open(folder / "journal.db", create=True)

    def __call__(
        self, *script: Line, again: float = 1.0, config: SessionConfig = CONFIG
    ) -> tuple[Scripted, FakeEngine]:
        operator, engine = Scripted([*script, Quit()]), FakeEngine()
        thread = EngineThread(lambda: engine)
        try:
            run = held(self.folder, self.journal, thread, config)
            Session(run, operator, Opening(shuffle=True, again=again)).run()
        finally:
            thread.close()
        return operator, engine


@pytest.fixture
def stint(tmp_path: Path) -> Iterator[Stint]:
    made = Stint(tmp_path)
    yield made
    made.journal.close()


def numbers(operator: Scripted) -> list[int]:
    return [desk.group.prompt.number for desk in operator.desks]


def test_when_is_keyed_and_about_as_often_as_asked() -> None:
    assert all(due(1, n, 1.0) is None for n in range(APART + 1))
    drawn = [due(1, n, 0.05) for n in range(4000)]
    assert drawn == [due(1, n, 0.05) for n in range(4000)]
    assert 140 < sum(place is not None for place in drawn) < 260
    assert all(n - 1 - place >= APART for n, place in enumerate(drawn) if place is not None)
    assert drawn != [due(2, n, 0.05) for n in range(4000)]


def test_a_group_comes_again_after_twenty_others_and_is_no_label(stint: Stint) -> None:
    operator, _ = stint(*[GOOD] * FIRST, BAD, GOOD)
    assert numbers(operator)[:FIRST] == list(range(1, FIRST + 1))
    again, after = numbers(operator)[FIRST : FIRST + 2]
    assert again == 1 and after == FIRST + 1
    [told] = operator.heard(Rejudged)
    assert told.agreement == 0.0 and told.judgement.verdict == Scores((1, 2))
    assert len(operator.heard(Judged)) == FIRST + 1
    totals = stint.journal.totals()
    assert totals.judgements == FIRST + 1 and totals.labels == 2 * totals.judgements
    assert all(one.judgement.verdict == Scores((5, 4)) for one in stint.journal.judged())
    [repeat] = repeats_of(stint.journal.events())
    assert (repeat.judgement, repeat.after, repeat.verdict) == (1, FIRST, Scores((1, 2)))


def test_the_operator_cannot_tell(stint: Stint) -> None:
    operator, _ = stint(*[GOOD] * FIRST, BAD)
    desk = operator.desks[FIRST]
    first = operator.desks[0]
    assert desk.draft is None and desk.group == first.group and desk.mode == first.mode
    assert {desk.ready, desk.batch_size} == {operator.desks[FIRST - 1].ready, 400}


def test_the_places_are_mixed_anew() -> None:
    from hitl.dialogue import display_order

    groups = FakeEngine().sample([Prompt("p", n) for n in range(1, 60)], 4, 1)
    same = sum(display_order(1, g.key, 4) == display_order(2, g.key, 4) for g in groups)
    assert same < 10


def test_nothing_comes_again_unless_asked(stint: Stint) -> None:
    operator, _ = stint(*[GOOD] * (FIRST + 3), again=0.0)
    assert numbers(operator) == list(range(1, FIRST + 5))


def test_the_policy_is_the_same_with_and_without(tmp_path: Path) -> None:
    config = SessionConfig(lang="en", group_size=2, batch_size=8)

    def by_group(desk: Desk) -> Judgement:
        return (GOOD if desk.group.prompt.number % 3 else BAD)(desk)

    made = []
    for name, again in (("plain", 0.0), ("again", 1.0)):
        (tmp_path / name).mkdir()
        one = Stint(tmp_path / name)
        script: list[Line] = [by_group] * (30 + (8 if again else 0))
        _, engine = one(*script, again=again, config=config)
        updates = one.journal.updates()
        made.append([stats.digest for stats in updates][:6])
        assert len(updates) >= 6 and engine.version == len(updates)
        one.journal.close()
    assert made[0] == made[1]


def test_a_run_resumed_shows_the_same(stint: Stint) -> None:
    stint(*[GOOD] * FIRST)  # left before the group that comes again
    operator, _ = stint(BAD, GOOD)
    assert numbers(operator)[:2] == [1, FIRST + 1]
    operator, _ = stint()
    assert len(repeats_of(stint.journal.events())) == 1 and len(numbers(operator)) == 1


@pytest.mark.parametrize("reply", [Save(), Undo()])
def test_commands_over_a_group_shown_again(stint: Stint, reply: Line) -> None:
    operator, _ = stint(*[GOOD] * FIRST, reply, GOOD, BAD)
    seen = numbers(operator)[FIRST:]
    if isinstance(reply, Save):
        assert seen[:3] == [1, 1, FIRST + 1]
    else:  # the judgement before it, as ever; then the same one is due
        assert seen[:3] == [1, FIRST, 1]


def test_undo_takes_back_what_was_said_the_second_time(stint: Stint) -> None:
    operator, _ = stint(*[GOOD] * FIRST, BAD, Undo(), GOOD)
    assert numbers(operator)[FIRST : FIRST + 4] == [1, FIRST + 1, 1, FIRST + 1]
    assert stint.journal.totals().judgements == FIRST
    [repeat] = repeats_of(stint.journal.events())
    assert repeat.verdict == Scores((5, 4))
    assert any("comes again" in notice.text for notice in operator.heard(Notice))


@pytest.mark.parametrize("reply", [Resample(), OwnPrompt("mine")])
def test_it_can_be_passed_over(stint: Stint, reply: Line) -> None:
    operator, _ = stint(*[GOOD] * FIRST, reply, GOOD)
    seen = [desk.group.prompt for desk in operator.desks[FIRST:]]
    assert seen[0].number == 1
    assert seen[1].text == ("mine" if isinstance(reply, OwnPrompt) else f"prompt {FIRST + 1}")
    [repeat] = repeats_of(stint.journal.events())
    assert repeat.verdict is None and not operator.heard(Rejudged)


@pytest.mark.parametrize("reply", [Resample(), OwnPrompt("mine")])
def test_remarks_on_it_are_not_dropped_without_a_word(stint: Stint, reply: Reply) -> None:
    def noted(desk: Desk) -> Reply:
        desk.save_draft(Draft(("", ""), note="why", flag=True))
        return reply

    operator, _ = stint(*[GOOD] * FIRST, noted, GOOD)
    told = "dropped with the old texts: the flag, the note “why”"
    assert [notice.text for notice in operator.heard(Notice)] == [told]


def test_note_and_flag_of_the_second_time_are_written_down(stint: Stint) -> None:
    def noted(desk: Desk) -> Judgement:
        return replace(BAD(desk), note="why", flag=True)

    stint(*[GOOD] * FIRST, noted)
    [shown] = [entry.data for entry in stint.journal.events() if entry.kind == SHOWN]
    assert (shown["note"], shown["flag"]) == ("why", True)


def test_skips_and_other_operators_do_not_come_again(stint: Stint) -> None:
    def as_other(line: Callable[[Desk], Judgement]) -> Line:
        def say(desk: Desk) -> Judgement:
            said = line(desk)
            fields = {name: getattr(said, name) for name in said.__dataclass_fields__}
            return Judgement(**{**fields, "operator": "somebody else"})

        return say

    operator, _ = stint(*[as_other(GOOD)] * FIRST, GOOD)
    assert numbers(operator)[FIRST] == FIRST + 1


def test_agreement_in_the_operators_figures(tmp_path: Path) -> None:
    from hitl.rundir import RunDir

    run = RunDir.create(tmp_path, "a", {"options": to_json(CONFIG)})
    one = Stint.__new__(Stint)
    one.folder, one.journal = run.path, Journal.open(run.journal_path)
    one(*[GOOD] * FIRST, GOOD, GOOD, BAD)
    one.journal.close()
    found = quality_of(run)
    assert found.agreement.groups == 2 and (found.agreement.pairs, found.agreement.same) == (2, 1)
    assert found.judgements == FIRST + 1 and quality_of(run, after=FIRST).judgements == 1
    assert Mode.SCORE

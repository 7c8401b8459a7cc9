"""Which group comes next: one sampled ahead, of an own prompt, or of the same prompt again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from hitl.engine import EngineThread
from hitl.journal import JournalError
from hitl.opening import Opening
from hitl.operator import (
    Desk,
    Draft,
    Notice,
    OwnPrompt,
    Quit,
    Resample,
    TakeBack,
    Undo,
    Waiting,
)
from hitl.order import KIND
from hitl.records import (
    Group,
    Judgement,
    Prompt,
)
from hitl.session import Session

from .fakes import FakeEngine, Line, Scripted, held
from .stints import BAD, CONFIG, GOOD, Slowly, Stint, looked_at


@pytest.mark.parametrize("ahead", [0, 2])
def test_an_own_prompt_is_sampled_next_and_the_group_comes_after_it(
    stint: Stint, ahead: int
) -> None:
    operator, engine = stint(OwnPrompt("从前"), GOOD, GOOD, GOOD, ahead=ahead)
    first, own, again, following, _ = (desk.group for desk in operator.desks)
    assert own.prompt.text == "从前" and own.prompt.attempt == 0
    assert again == first and first.prompt.number == 1 and following.prompt.number > 1
    numbers = [number for number, _, _ in engine.sampled]
    assert own.prompt.number not in numbers[: numbers.index(own.prompt.number)]


SCRIPTS: dict[str, Callable[[Stint], list[Line]]] = {
    "own prompt": lambda stint: [GOOD, OwnPrompt("从前")],
    "two own prompts": lambda stint: [OwnPrompt("从前"), OwnPrompt("昨天")],
    "undo of an own prompt": lambda stint: [OwnPrompt("从前"), GOOD, Undo()],
    "other texts of an own prompt": lambda stint: [OwnPrompt("从前"), Resample()],
    "nothing": lambda stint: [GOOD],
}


@pytest.mark.parametrize("ahead", [0, 2])
@pytest.mark.parametrize("name", SCRIPTS)
def test_groups_come_after_a_resume_as_they_lay(tmp_path: Path, name: str, ahead: int) -> None:
    keys = []
    for place, resumed in enumerate((False, True)):
        (folder := tmp_path / str(place)).mkdir()
        stint = Stint(folder)
        stint.config = replace(CONFIG, batch_size=100)
        script = SCRIPTS[name](stint)
        if resumed:
            before, _ = stint(*script, ahead=ahead)
            after, _ = stint(GOOD, GOOD, ahead=ahead)
            assert before.desks[-1].group == after.desks[0].group
            desks = after.desks
        else:
            desks = stint(*script, GOOD, GOOD, ahead=ahead)[0].desks[len(script) :]
        keys.append([desk.group.key for desk in desks])
        stint.journal.close()
    assert keys[0] == keys[1] and len(keys[0]) == 3


def test_a_group_that_is_to_come_later_is_not_first_after_a_resume(stint: Stint) -> None:
    def first(desk: Desk) -> TakeBack:
        [judged] = stint.journal.judged()
        return TakeBack(judged.id, now=False)

    before, _ = stint(GOOD, first)
    after, _ = stint(GOOD)
    assert before.desks[-1].group == after.desks[0].group
    assert after.desks[1].group == before.desks[0].group


def test_the_order_is_written_down_before_the_screen_and_only_where_it_is_another(
    stint: Stint,
) -> None:
    def orders() -> list[object]:
        return [e.data["groups"] for e in stint.journal.events() if e.kind == KIND]

    def killed(desk: Desk) -> Quit:
        assert orders() == [[[2, 0], [1, 0]]], "as a process leaves it that is killed now"
        return Quit()

    stint(OwnPrompt("从前"), killed)
    stint(GOOD, GOOD, GOOD, BAD, Undo(), ahead=2)
    assert len(orders()) == 1


def test_an_order_that_cannot_be_written_down_ends_no_session(
    stint: Stint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(kind: str, data: object) -> None:
        raise JournalError("the disk is full")

    monkeypatch.setattr(stint.journal, "event", full)
    operator, _ = stint(OwnPrompt("从前"), GOOD)
    assert stint.journal.totals().judgements == 1 and not operator.heard(Notice)


def test_what_was_on_the_screen_before_a_resume_is_not_sampled_again(stint: Stint) -> None:
    first, _ = stint(OwnPrompt("从前"), ahead=2)
    own = first.desks[1].group
    heard: list[Scripted] = []

    def after_the_update(desk: Desk) -> Judgement:
        looked_at(desk, heard[0])
        return GOOD(desk)

    engine = FakeEngine()
    thread = EngineThread(lambda: engine)
    heard.append(Scripted([GOOD, GOOD, after_the_update, GOOD, GOOD, Quit()]))
    Session(held(stint.folder, stint.journal, thread, CONFIG), heard[0], Opening(ahead=2)).run()
    thread.close()
    came = {desk.group.key: desk.group for desk in heard[0].desks}
    assert came[own.key] == own, "as it was, though the policy has learned since"
    assert came[(own.prompt.number + 1, 0)].policy_version >= 1


def test_resampling_asks_the_same_prompt_again(stint: Stint) -> None:
    operator, _ = stint(GOOD, Resample(), BAD, ahead=2)
    shown = [d.group for d in operator.desks]
    assert [g.key for g in shown] == [(1, 0), (2, 0), (2, 1), (3, 0)]
    assert shown[1].prompt.text == shown[2].prompt.text
    assert shown[1].completions != shown[2].completions


def test_groups_are_ready_ahead_and_fresh_after_an_update(stint: Stint) -> None:
    engine = FakeEngine()

    def at_leisure(desk: Desk) -> Judgement:
        while len({number for number, _, _ in engine.sampled}) < desk.group.prompt.number + 2:
            time.sleep(0.001)
        return GOOD(desk)

    operator, _ = stint(*[at_leisure] * 6, ahead=2, engine=engine)
    assert engine.version == 3
    assert all(d.ready <= 2 for d in operator.desks) and operator.desks[-1].ready >= 1
    assert len(engine.sampled) >= 9  # the seven shown and two behind
    assert [d.group.prompt.number for d in operator.desks] == list(range(1, 8))
    # what was shown is what the journal has, also where a group was sampled again
    judged = stint.journal.judged()
    shown = {d.group.key: d.group for d in operator.desks}
    assert len(judged) == 6 and all(shown[j.group.key] == j.group for j in judged)


def test_no_group_on_the_screen_sees_two_updates(stint: Stint) -> None:
    engine = Slowly()
    ages: list[int] = []

    def told(desk: Desk) -> Judgement:
        ages.append(engine.version - desk.group.policy_version)
        return GOOD(desk)

    def slowly(desk: Desk) -> Judgement:
        engine.go.release(1)
        time.sleep(0.05)  # as many updates as will may come to an end
        return told(desk)

    def in_the_end(desk: Desk) -> Quit:
        engine.go.release(9)
        return Quit()

    stint(*[told] * 4, *[slowly] * 12, in_the_end, ahead=3, engine=engine)
    assert engine.version >= 3 and max(ages) == 1


def test_a_group_that_was_left_for_two_updates_is_sampled_again(stint: Stint) -> None:
    engine = FakeEngine()

    def at_leisure(desk: Desk) -> Judgement:
        while stint.journal.totals().pending_labels >= 4:
            time.sleep(0.001)
        return GOOD(desk)

    said: list[Line] = []
    for n in range(5):  # the first group is put back behind each
        said += [OwnPrompt(f"own {n}"), at_leisure]
    operator, _ = stint(*said, ahead=2, engine=engine)
    first = [d.group for d in operator.desks if d.group.prompt.number == 1]
    assert [g.policy_version for g in first][:2] == [0, 0] and engine.version >= 2
    assert first[-1].policy_version >= engine.version - 1
    [kept] = [g for g in stint.journal.open_groups() if g.prompt.number == 1]
    assert kept == first[-1]


def test_what_was_entered_for_a_group_outlives_two_updates(stint: Stint) -> None:
    engine = FakeEngine()

    def half(desk: Desk) -> OwnPrompt:
        desk.save_draft(Draft(("3", "")))
        return OwnPrompt("own")

    def at_leisure(desk: Desk) -> Judgement:
        while stint.journal.totals().pending_labels >= 4:
            time.sleep(0.001)
        return GOOD(desk)

    said: list[Line] = [half, at_leisure]
    for n in range(4):
        said += [OwnPrompt(f"own {n}"), at_leisure]
    operator, _ = stint(*said, ahead=2, engine=engine)
    first = [d for d in operator.desks if d.group.prompt.number == 1]
    assert engine.version >= 2 and {d.group.policy_version for d in first} == {0}
    assert first[-1].draft == Draft(("3", ""))


def test_other_completions_come_before_what_is_sampled_ahead(stint: Stint) -> None:
    engine = FakeEngine()
    began, go = threading.Event(), threading.Event()
    sample = engine.sample

    def slowly(prompts: Sequence[Prompt], group_size: int, seed: int) -> list[Group]:
        if prompts[0].number == 2:
            began.set()
            assert go.wait(20)
        return sample(prompts, group_size, seed)

    engine.sample = slowly  # type: ignore[method-assign]

    def again(desk: Desk) -> Resample:
        assert began.wait(20)  # 3 and 4 are behind it
        threading.Timer(0.05, go.set).start()
        return Resample()

    operator, _ = stint(again, GOOD, ahead=3, engine=engine)
    assert [d.group.key for d in operator.desks] == [(1, 0), (1, 1), (2, 0)]
    assert [(n, attempt) for n, attempt, _ in engine.sampled][:3] == [(1, 0), (2, 0), (1, 1)]
    assert operator.heard(Waiting)[-1] == Waiting("sample", (1, 1))

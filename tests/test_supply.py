"""Which group comes next: one sampled ahead, of an own prompt, or of the same prompt again."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import pytest

from hitl.engine import EngineThread
from hitl.opening import Opening
from hitl.operator import (
    Desk,
    Draft,
    OwnPrompt,
    Quit,
    Resample,
    Waiting,
)
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


def test_an_own_prompt_that_was_not_judged_is_there_after_a_resume(stint: Stint) -> None:
    first, _ = stint(OwnPrompt("从前"))
    again, _ = stint(GOOD)
    [_, own] = (desk.group for desk in first.desks)
    assert [desk.group for desk in again.desks] == [first.desks[0].group, own]


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

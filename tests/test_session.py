"""The loop, with a real journal and real checkpoints, an engine without torch, and a script."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hitl.checkpoints import Checkpoints
from hitl.config.session import SessionConfig
from hitl.engine import EngineThread, UpdateRefusedError
from hitl.journal import Journal, JournalError
from hitl.opening import Opening
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
    Tuned,
    Undo,
    Undone,
    Updated,
    Waiting,
)
from hitl.records import (
    Edit,
    Group,
    JudgedGroup,
    Judgement,
    Mode,
    Prompt,
    Ranking,
    Scores,
    Skip,
    StepOptions,
)
from hitl.session import Session
from hitl.tuning import Tune, Tuning
from hitl.updates import full_batches, oldest_batch

from .fakes import FakeEngine, Line, Scripted, held, scores

CONFIG = SessionConfig(lang="en", group_size=2, batch_size=4)
GOOD, BAD = scores(5, 4), scores(1, 2)


class Stint:
    """Runs scripts against one run folder, each with an engine that starts from the base."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = CONFIG
        self.journal = Journal.open(folder / "journal.db", create=True)

    def __call__(
        self,
        *script: Line,
        ahead: int = 0,
        engine: FakeEngine | None = None,
        shuffle: bool = False,
    ) -> tuple[Scripted, FakeEngine]:
        operator, engine = Scripted([*script, Quit()]), engine or FakeEngine()
        thread = EngineThread(lambda: engine)
        try:
            run = held(self.folder, self.journal, thread, self.config)
            Session(run, operator, Opening(ahead=ahead, shuffle=shuffle)).run()
        finally:
            thread.close()
        return operator, engine


@pytest.fixture
def stint(tmp_path: Path) -> Iterator[Stint]:
    made = Stint(tmp_path)
    yield made
    made.journal.close()


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


def test_updates_whose_checkpoint_is_lost_are_made_again(stint: Stint) -> None:
    _, engine = stint(GOOD, BAD, BAD, GOOD)
    for path in (stint.folder / "steps").rglob("state.json"):
        path.write_text("[9, 'broken']")
    operator, again = stint()
    assert again.weights == engine.weights
    texts = [n.text for n in operator.heard(Notice)]
    assert sum("skipped" in t for t in texts) == 2
    assert sum("again from the journal" in t for t in texts) == 2
    assert not any("different" in t for t in texts)


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


def looked_at(desk: Desk, operator: Scripted) -> list[Inspected]:
    """Asks for the desk's tokens and waits: all that was asked of the engine before is done."""
    desk.inspect()
    for _ in range(500):
        if heard := operator.heard(Inspected):
            return heard
        time.sleep(0.01)
    raise AssertionError("no tokens came")


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


def test_nothing_to_undo_says_so(stint: Stint) -> None:
    operator, _ = stint(Undo(), GOOD)
    assert "nothing to undo" in operator.heard(Notice)[0].text
    assert operator.desks[0].group == operator.desks[1].group


def test_resampling_asks_the_same_prompt_again(stint: Stint) -> None:
    operator, _ = stint(GOOD, Resample(), BAD, ahead=2)
    shown = [d.group for d in operator.desks]
    assert [g.key for g in shown] == [(1, 0), (2, 0), (2, 1), (3, 0)]
    assert shown[1].prompt.text == shown[2].prompt.text
    assert shown[1].completions != shown[2].completions


def test_a_skip_teaches_nothing_and_is_kept(stint: Stint) -> None:
    def skip(desk: object) -> Judgement:
        return Judgement(desk.group.key, Skip(), "op", Mode.SCORE)  # type: ignore[attr-defined]

    operator, engine = stint(skip, GOOD, skip, BAD)
    assert engine.version == 1 and operator.heard(Updated)[0].stats.labels == 4
    assert len(stint.journal.update_batch(1)) == 4


def test_save_writes_a_checkpoint_and_keeps_the_group(stint: Stint) -> None:
    operator, _ = stint(GOOD, BAD, Save(), GOOD)
    assert operator.desks[2].group == operator.desks[3].group


def test_a_draft_survives(stint: Stint) -> None:
    def half(desk: object) -> Quit:
        desk.save_draft(Draft(("3", "")))  # type: ignore[attr-defined]
        return Quit()

    first, _ = stint(half)
    second, _ = stint()
    assert second.desks[0].draft == Draft(("3", ""))
    assert second.desks[0].group == first.desks[0].group


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


def test_judging_goes_on_while_an_update_runs(stint: Stint) -> None:
    release, judged_meanwhile = threading.Event(), []
    engine = FakeEngine()
    engine.before_update = lambda: release.wait(20) and None

    def meanwhile(desk: object) -> Judgement:
        judged_meanwhile.append(engine.version)
        release.set()
        return GOOD(desk)  # type: ignore[arg-type]

    stint(GOOD, BAD, meanwhile, ahead=2, engine=engine)
    assert judged_meanwhile == [0] and engine.version == 1


def test_an_update_tells_what_was_judged_behind_it(stint: Stint) -> None:
    release = threading.Event()
    engine = FakeEngine()
    engine.before_update = lambda: release.wait(20) and None

    def letting_go(desk: Desk) -> Judgement:
        assert desk.batch_labels == 2
        release.set()
        return GOOD(desk)

    operator, _ = stint(GOOD, BAD, GOOD, letting_go, ahead=3, engine=engine)
    # The last line of the script comes before or after the update is in the journal.
    assert operator.heard(Updated)[0].batch_labels in (2, 4)


class Slowly(FakeEngine):
    """Stands still in each update until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Semaphore(0)
        self.before_update = lambda: self.go.acquire(timeout=20) and None


def test_a_second_full_batch_does_not_keep_the_operator_waiting(stint: Stint) -> None:
    engine = Slowly()

    def at_last(desk: Desk) -> Judgement:
        assert engine.version == 0 and desk.batch_labels == 4, "two batches said, none learned"
        engine.go.release(9)
        return GOOD(desk)

    stint(GOOD, BAD, GOOD, GOOD, at_last, ahead=4, engine=engine)
    assert engine.version >= 1
    _, engine = stint()
    assert engine.version == 2, "what was left for later is made at the next start"


def test_an_undo_reaches_the_same_whether_the_engine_is_slow_or_quick(
    stint: Stint, tmp_path: Path
) -> None:
    engine = Slowly()

    def let_go(desk: Desk) -> Save:
        assert engine.version == 0, "the first update runs all the while"
        engine.go.release(9)
        return Save()

    pause, go_on = Tune(paused=True), Tune(paused=False)
    said = [GOOD, BAD, GOOD, BAD, pause, Undo(), GOOD, Undo(), BAD, go_on]
    slow, _ = stint(*said, let_go, ahead=4, engine=engine)
    texts = [notice.text for notice in slow.heard(Notice)]
    assert texts == ["too late: its batch is full and goes into the next update"]
    (tmp_path / "quick").mkdir()
    quick = Stint(tmp_path / "quick")
    operator, whole = quick(*said)
    assert len(operator.heard(Undone)) == len(slow.heard(Undone)) == 1
    assert whole.version == 2
    _, resumed = stint()
    assert resumed.weights == whole.weights
    taught = [[j.id for j in made.journal.update_batch(2)] for made in (stint, quick)]
    assert taught == [[3, 4], [3, 4]]
    quick.journal.close()


def test_options_are_those_of_the_moment_when_the_batch_was_full(stint: Stint) -> None:
    engine = Slowly()

    def let_go(desk: Desk) -> Judgement:
        engine.go.release(9)
        return GOOD(desk)

    def later(desk: Desk) -> Save:
        deadline = time.monotonic() + 20
        while engine.version < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        return Save()

    said = [GOOD, BAD, GOOD, BAD, Tune(lr=1e-4, paused=True), let_go, later, Save(), later]
    stint(*said, ahead=4, engine=engine)
    options = [stats.options for stats in stint.journal.updates()]
    assert options == [CONFIG.step_options] * 2, "neither the change nor the pause came before"


def test_leaving_before_an_update_began_does_not_change_its_options(stint: Stint) -> None:
    engine = Slowly()

    def leave(desk: Desk) -> Quit:
        engine.go.release(9)
        return Quit()

    stint(GOOD, BAD, GOOD, BAD, Tune(lr=1e-4), leave, ahead=4, engine=engine)
    stint(GOOD, BAD)
    options = [stats.options for stats in stint.journal.updates()]
    assert options == [*[CONFIG.step_options] * 2, StepOptions(1e-4, CONFIG.step_options.target_kl)]


def test_while_training_is_paused_everything_that_waits_can_be_undone(stint: Stint) -> None:
    operator, _ = stint(Tune(paused=True), GOOD, BAD, Undo(), Undo(), GOOD)
    assert [event.judgement.group[0] for event in operator.heard(Undone)] == [2, 1]


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


def test_an_engine_that_cannot_start_ends_the_session_with_its_reason(stint: Stint) -> None:
    def broken() -> FakeEngine:
        raise RuntimeError("no such weights")

    thread = EngineThread(broken)
    session = Session(held(stint.folder, stint.journal, thread, CONFIG), Scripted([]))
    with pytest.raises(RuntimeError, match="no such weights"):
        session.run()
    thread.close()


def test_a_failed_update_in_the_background_is_not_swallowed(stint: Stint) -> None:
    engine = FakeEngine()

    def fail() -> None:
        raise RuntimeError("out of memory")

    engine.before_update = fail
    with pytest.raises(RuntimeError, match="out of memory"):
        stint(GOOD, BAD, GOOD, GOOD, GOOD, ahead=2, engine=engine)
    assert stint.journal.totals().judgements >= 2  # what was said is kept
    _, healthy = stint()
    assert healthy.version >= 1


def test_a_batch_that_cannot_be_learned_is_set_aside_and_the_session_goes_on(
    stint: Stint,
) -> None:
    engine, refusals = FakeEngine(), iter([True])

    def refuse() -> None:
        if next(refusals, False):
            raise UpdateRefusedError("update 1 was undone, the loss became NaN")

    engine.before_update = refuse
    operator, _ = stint(GOOD, BAD, BAD, GOOD, engine=engine)
    assert engine.version == 1
    assert "kept, and learned from no more" in operator.heard(Notice)[0].text
    totals = stint.journal.totals()
    assert (totals.judgements, totals.updates, totals.pending_labels) == (4, 1, 0)
    assert len(stint.journal.update_batch(1)) == 2


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


def test_a_batch_is_made_of_the_oldest() -> None:
    group = FakeEngine().sample([Prompt("p", 1)], 2, 0)[0]
    skip, two = Skip(), Scores((1.0, 2.0))
    pending = [
        JudgedGroup(i, group, Judgement(group.key, verdict, "op", Mode.SCORE))
        for i, verdict in enumerate([skip, two, skip, two, skip, two])
    ]
    assert [j.id for j in oldest_batch(pending, 4)] == [0, 1, 2, 3]
    assert oldest_batch([], 4) == []


def test_batches_are_full_one_after_the_other() -> None:
    group = FakeEngine().sample([Prompt("p", 1)], 2, 0)[0]
    two = Judgement(group.key, Scores((1.0, 2.0)), "op", Mode.SCORE)
    pending = [JudgedGroup(i, group, two) for i in range(5)]
    assert [[j.id for j in batch] for batch in full_batches(pending, 4)] == [[0, 1], [2, 3]]
    assert [[j.id for j in batch] for batch in full_batches(pending, 3)] == [[0, 1], [2, 3]]
    assert full_batches(pending[:1], 4) == full_batches([], 4) == []


def test_labelling_alone_trains_nothing(stint: Stint) -> None:
    stint.config = replace(CONFIG, label_only=True)
    operator, engine = stint(GOOD, BAD, GOOD, Undo(), BAD)
    assert engine.version == 0 and operator.heard(Updated) == []
    assert stint.journal.totals().pending_labels == 6
    assert [d.batch_labels for d in operator.desks] == [0, 2, 4, 6, 4, 6]
    assert {d.batch_size for d in operator.desks} == {None}


def test_a_change_of_options_holds_from_the_next_update_on(stint: Stint) -> None:
    operator, _ = stint(GOOD, BAD, Tune(lr=1e-4), GOOD, BAD, Tune(target_kl=2.0), GOOD, BAD)
    made = [e.stats.options for e in operator.heard(Updated)]
    first = CONFIG.step_options
    assert made == [first, StepOptions(1e-4, first.target_kl), StepOptions(1e-4, 2.0)]
    assert operator.heard(Tuned)[-1].tuning == Tuning(made[-1])

    # It is in the journal: another session has it, and makes lost updates again as they were.
    whole = stint.journal.updates()[-1].digest
    shutil.rmtree(stint.folder / "steps")
    operator, engine = stint()
    assert engine.weights == whole
    assert operator.heard(Tuned)[0].tuning.options == made[-1]


def test_a_pause_collects_labels_and_its_end_trains_them(stint: Stint) -> None:
    pause, go_on = Tune(paused=True), Tune(paused=False)
    operator, engine = stint(pause, GOOD, BAD, GOOD)
    assert engine.version == 0 and operator.desks[-1].batch_labels == 6
    _, engine = stint(GOOD)
    assert engine.version == 0
    operator, engine = stint(go_on)
    assert [e.stats.labels for e in operator.heard(Updated)] == [4, 4]


def test_a_change_that_cannot_be_kept_is_not_made(stint: Stint) -> None:
    stint.journal.event = lambda kind, data: (_ for _ in ()).throw(JournalError("full"))  # type: ignore[method-assign]
    operator, _ = stint(Tune(lr=0.5), GOOD, BAD)
    assert operator.heard(Updated)[0].stats.options == CONFIG.step_options
    assert operator.heard(Notice)[0].text == "full" and operator.heard(Tuned) == []


def test_the_learning_rate_warms_up_and_a_resume_makes_the_same_updates(stint: Stint) -> None:
    stint.config = replace(CONFIG, warmup=4, lr=1e-4)
    operator, engine = stint(*[GOOD, BAD] * 5)
    rates = [updated.stats.lr for updated in operator.heard(Updated)]
    assert rates == pytest.approx([0.25e-4, 0.5e-4, 0.75e-4, 1e-4, 1e-4])
    shutil.rmtree(stint.folder / "steps")
    _, again = stint()
    assert (again.version, again.weights) == (5, engine.weights)


def test_checkpoints_are_written_every_so_many_updates_and_on_leaving(stint: Stint) -> None:
    stint.config = replace(CONFIG, save_steps=2)
    checkpoints = Checkpoints(stint.folder / "steps", keep=9)
    seen: list[list[int]] = []

    def look(desk: Desk) -> Judgement:
        seen.append(checkpoints.versions())
        return GOOD(desk)

    _, engine = stint(*[GOOD, BAD] * 4, look, BAD)
    assert seen == [[2, 4]] and checkpoints.versions() == [4, 5]
    checkpoints.discard_after(4)  # killed before it left
    _, again = stint(GOOD, BAD)
    assert again.version == 6 and checkpoints.versions()[-1] == 6
    _, whole = stint()
    assert whole.weights == again.weights != engine.weights

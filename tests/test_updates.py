"""When updates are made, of what, and with which options."""

from __future__ import annotations

import math
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from hitl.checkpoints import Checkpoints
from hitl.engine import UpdateRefusedError
from hitl.journal import Journal, JournalError
from hitl.operator import (
    Desk,
    Notice,
    Quit,
    Save,
    Tuned,
    Undo,
    Undone,
    Updated,
)
from hitl.records import (
    JudgedGroup,
    Judgement,
    Mode,
    Prompt,
    Scores,
    Skip,
    StepOptions,
)
from hitl.rollback import go_back
from hitl.tuning import Tune, Tuning
from hitl.updates import full_batches, oldest_batch

from .fakes import FakeEngine
from .stints import BAD, CONFIG, GOOD, Slowly, Stint, usual


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


def test_a_checkpoint_of_another_branch_is_not_taken_for_the_runs_own(stint: Stint) -> None:
    """The journal was restored from a copy of before a rollback."""
    _, first = stint(*[GOOD, BAD] * 3)
    path = stint.folder / "journal.db"
    stint.journal.close()
    shutil.copy(path, stint.folder / "copy.db")
    stint.journal = Journal.open(path)
    go_back(stint.journal, Checkpoints(stint.folder / "steps"), 1)
    _, second = stint(*[BAD, BAD] * 2)
    assert second.version == 3 and second.weights != first.weights
    stint.journal.close()
    shutil.copy(stint.folder / "copy.db", path)
    stint.journal = Journal.open(path)
    operator, restored = stint()
    assert restored.weights == first.weights
    skipped = [n for n in operator.heard(Notice) if "another branch" in n.text]
    assert len(skipped) == 2 and {n.level for n in skipped} == {"warning"}
    operator, again = stint()
    assert again.weights == first.weights and not operator.heard(Notice)


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


def test_an_update_is_in_a_hurry_once_somebody_waits(stint: Stint) -> None:
    engine = Slowly()

    def reading(desk: Desk) -> Judgement:
        assert not engine.hurried(), "there is enough to read"
        return GOOD(desk)

    def asking(desk: Desk) -> Judgement:
        desk.inspect()
        assert engine.hurried(), "they asked for the tokens"
        engine.go.release(9)
        return GOOD(desk)

    stint(GOOD, engine.bad, reading, asking, ahead=4, engine=engine)


def test_an_update_is_in_a_hurry_on_the_last_group(stint: Stint) -> None:
    engine = Slowly()

    def last(desk: Desk) -> Judgement:
        assert desk.ready == 0 and engine.hurried(), "nothing lies behind this one"
        engine.go.release(9)
        return GOOD(desk)

    stint(GOOD, engine.bad, GOOD, GOOD, GOOD, last, ahead=4, engine=engine)
    assert engine.version >= 1


def test_an_update_is_in_a_hurry_on_leaving(stint: Stint) -> None:
    engine, hurried = Slowly(), threading.Event()

    def leave(desk: Desk) -> Quit:
        def look() -> None:
            while not engine.hurried():
                time.sleep(0.005)
            hurried.set()
            engine.go.release(9)

        threading.Thread(target=look, daemon=True).start()
        return Quit()

    stint(GOOD, engine.bad, leave, ahead=4, engine=engine)
    assert hurried.is_set()


def test_with_nothing_ahead_an_update_has_all_the_time_there_is(stint: Stint) -> None:
    engine, seen = FakeEngine(), list[bool]()
    engine.before_update = lambda: seen.append(engine.hurried())
    stint(GOOD, GOOD, GOOD, GOOD, engine=engine)
    assert seen == [False, False]


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


def test_a_second_full_batch_does_not_keep_the_operator_waiting(stint: Stint) -> None:
    engine = Slowly()

    def at_last(desk: Desk) -> Judgement:
        assert engine.version == 0 and desk.batch_labels == 4, "two batches said, none learned"
        engine.go.release(9)
        return GOOD(desk)

    stint(GOOD, engine.bad, GOOD, GOOD, at_last, ahead=4, engine=engine)
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
    slow, _ = stint(GOOD, engine.bad, *said[2:], let_go, ahead=4, engine=engine)
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

    said = [GOOD, engine.bad, GOOD, BAD, Tune(lr=1e-4, paused=True), let_go, later, Save(), later]
    stint(*said, ahead=4, engine=engine)
    options = [stats.options for stats in stint.journal.updates()]
    assert options == [usual(1), usual(2)], "neither the change nor the pause came before"


def test_leaving_before_an_update_began_does_not_change_its_options(stint: Stint) -> None:
    engine = Slowly()

    def leave(desk: Desk) -> Quit:
        engine.go.release(9)
        return Quit()

    stint(GOOD, engine.bad, GOOD, BAD, Tune(lr=1e-4), leave, ahead=4, engine=engine)
    stint(GOOD, BAD)
    options = [stats.options for stats in stint.journal.updates()]
    assert options == [usual(1), usual(2), StepOptions(1e-4, CONFIG.step_options.target_kl)]


def test_while_training_is_paused_everything_that_waits_can_be_undone(stint: Stint) -> None:
    operator, _ = stint(Tune(paused=True), GOOD, BAD, Undo(), Undo(), GOOD)
    assert [event.judgement.group[0] for event in operator.heard(Undone)] == [2, 1]


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
    first = usual(1)
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
    assert operator.heard(Updated)[0].stats.options == usual(1)
    assert operator.heard(Notice)[0].text == "full" and operator.heard(Tuned) == []


def test_the_learning_rate_warms_up_and_a_resume_makes_the_same_updates(stint: Stint) -> None:
    stint.config = replace(CONFIG, warmup=4, lr=1e-4, lr_decay=64)
    operator, engine = stint(*[GOOD, BAD] * 5)
    rates = [updated.stats.lr for updated in operator.heard(Updated)]
    falling = [1 / math.sqrt(1 + 4 * before / 64) for before in range(5)]
    rising = [0.25e-4, 0.5e-4, 0.75e-4, 1e-4, 1e-4]
    assert rates == pytest.approx([r * f for r, f in zip(rising, falling, strict=True)])
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

"""Several dialogues at one run, in threads of their own, with a real journal."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hitl.config.session import SessionConfig
from hitl.dialogue import Dialogue
from hitl.engine import EngineThread
from hitl.journal import Journal
from hitl.open_run import OpenRun
from hitl.opening import Opening
from hitl.operator import Desk, Draft, Event, Judged, Notice, Quit, Reply, Resample, Undo, Updated
from hitl.records import Judgement, Mode, Scores
from hitl.second import doubly_judged, pairs_of

from .fakes import FakeEngine, held

CONFIG = SessionConfig(lang="en", group_size=2, batch_size=4)


class Ears:
    leaving = False

    def __init__(self) -> None:
        self.events: list[Event] = []

    def notify(self, event: Event) -> None:
        self.events.append(event)


class Person(Ears):
    """Judges `groups` groups; `before` may say something else of a desk, or wait."""

    def __init__(
        self, name: str, groups: int, before: Callable[[Desk], Reply | None] = lambda desk: None
    ) -> None:
        super().__init__()
        self.name = name
        self.left = groups
        self.before = before
        self.desks: list[Desk] = []

    def judge(self, desk: Desk) -> Reply:
        self.desks.append(desk)
        if (said := self.before(desk)) is not None:
            return said
        if not self.left:
            return Quit()
        self.left -= 1
        values = Scores((4.0, float(desk.group.prompt.number % 5)))
        return Judgement(desk.group.key, values, self.name, Mode.SCORE, shown=desk.shown)


@contextlib.contextmanager
def opened(
    folder: Path, overlap: float = 0.0, ahead: int = 2, config: SessionConfig = CONFIG
) -> Iterator[OpenRun]:
    path = folder / "journal.db"
    with Journal.open(path, create=not path.exists()) as journal:
        engine = FakeEngine()
        thread = EngineThread(lambda: engine)
        try:
            parts = held(folder, journal, thread, config)
            run = OpenRun(parts, Ears(), Opening(ahead=ahead), overlap)
            run.take_up()
            yield run
            run.finish()
        finally:
            thread.close()


def talk(run: OpenRun, *people: Person) -> None:
    """All at once, until each has left."""
    failed: list[BaseException] = []
    dialogues = [Dialogue(run, person) for person in people]

    def hold(dialogue: Dialogue) -> None:
        try:
            with contextlib.closing(dialogue):
                while dialogue.step():
                    pass
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=hold, args=(dialogue,)) for dialogue in dialogues]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed and not any(thread.is_alive() for thread in threads)


def keys(person: Person) -> list[tuple[int, int]]:
    return [event.judgement.group for event in person.events if isinstance(event, Judged)]


def test_groups_are_handed_out_once_and_every_label_is_learned_from_once(tmp_path: Path) -> None:
    with opened(tmp_path) as run:
        people = [Person(name, 7) for name in ("anna", "ben", "cleo")]
        talk(run, *people)
        run.finish()
        handed = [key for person in people for key in keys(person)]
        assert len(handed) == len(set(handed)) == 21
        assert run.journal.totals().judgements == 21
        assert {j.operator for j in run.journal.judgements()} == {"anna", "ben", "cleo"}
        updates = run.journal.updates()
        ids = [j.id for stats in updates for j in run.journal.update_batch(stats.number)]
        assert len(updates) >= 3 and len(ids) == len(set(ids))
        assert len(ids) + len(run.journal.pending()) == 21
        heard = run.listener.events  # type: ignore[attr-defined]
        assert [e.stats.number for e in heard if isinstance(e, Updated)] == list(
            range(1, len(updates) + 1)
        )
    # What they said made these weights, whoever said it when: another process has the same.
    with opened(tmp_path) as run:
        assert run.engine.submit(lambda engine: engine.version).result() >= len(updates)


def test_undo_takes_back_ones_own_judgement(tmp_path: Path) -> None:
    with opened(tmp_path, config=SessionConfig(lang="en", group_size=2, batch_size=100)) as run:
        bens = threading.Event()

        def then_undo(desk: Desk) -> Reply | None:
            if anna.left == 0 and not undone:
                assert bens.wait(20)
                undone.append(desk.group.key)
                return Undo()
            return None

        def tell(desk: Desk) -> Reply | None:
            if ben.left == 0:
                bens.set()
            return None

        undone: list[tuple[int, int]] = []
        anna, ben = Person("anna", 2, then_undo), Person("ben", 3, tell)
        talk(run, anna, ben)
        by = [j.operator for j in run.journal.judgements()]
        assert sorted(by) == ["anna", "ben", "ben", "ben"]
        assert anna.desks[-1].group.key == keys(anna)[-1]  # it came back to her, with what she said
        assert anna.desks[-1].draft is not None and anna.desks[-1].draft.entries[0] == "4"

        anna, ben = Person("dora", 0, lambda desk: Undo() if len(anna.desks) == 1 else None), ben
        talk(run, anna)
        assert len(run.journal.judgements()) == 4
        assert any("nothing to undo" in e.text for e in anna.events if isinstance(e, Notice))


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("seconds", [3600, 0])
def test_a_group_waits_a_while_for_who_had_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, restarted: bool
) -> None:
    monkeypatch.setattr("hitl.supply.COME_BACK_S", seconds)
    with contextlib.ExitStack() as stack:
        run = stack.enter_context(opened(tmp_path))
        anna = Person("anna", 0)
        talk(run, anna)
        key = anna.desks[0].group.key
        if restarted:
            stack.close()
            run = stack.enter_context(opened(tmp_path))
        ben = Person("ben", 9)
        talk(run, ben)
        assert (key in keys(ben)) == (seconds == 0)


def test_what_one_entered_is_not_shown_to_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hitl.supply.COME_BACK_S", 0)

    def half(desk: Desk) -> Reply:
        desk.save_draft(Draft(("3", "")))
        return Quit()

    with opened(tmp_path) as run:
        anna = Person("anna", 0, half)
        talk(run, anna)
        key = anna.desks[0].group.key
        back = Person("anna", 0)
        dialogue = Dialogue(run, back)
        assert run.supply.claim(dialogue._seat, key)
        while dialogue.step():
            pass
        dialogue.close()
        assert back.desks[0].draft == Draft(("3", ""))
        ben = Person("ben", 9)
        talk(run, ben)
        [seen] = [desk for desk in ben.desks if desk.group.key == key]
        assert seen.draft is None


def test_a_group_goes_back_when_its_operator_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hitl.supply.COME_BACK_S", 0)

    class LostError(Exception):
        pass

    def lost(desk: Desk) -> Reply:
        raise LostError

    with opened(tmp_path) as run:
        anna = Person("anna", 0, lost)
        dialogue = Dialogue(run, anna)
        with contextlib.closing(dialogue), pytest.raises(LostError):
            dialogue.step()
        ben = Person("ben", 6)
        talk(run, ben)
        assert anna.desks[0].group.key in keys(ben)


def test_a_share_of_groups_is_judged_by_two(tmp_path: Path) -> None:
    together = threading.Barrier(2)

    def wait(desk: Desk) -> Reply | None:
        with contextlib.suppress(threading.BrokenBarrierError):
            together.wait(0.5)
        return None

    with opened(tmp_path, overlap=1.0) as run:
        anna, ben = Person("anna", 8, wait), Person("ben", 8, wait)
        talk(run, anna, ben)
        pairs = pairs_of(run.journal.events())
        both = doubly_judged(pairs, run.journal.judgements())
        assert len(both) >= 6
        for one, other in both:
            assert {one.operator, other.operator} == {"anna", "ben"}
        texts = {d.group.key: [c.text for c in d.group.completions] for d in anna.desks + ben.desks}
        assert all(texts[a.group] == texts[b.group] for a, b in both)
        for person in (anna, ben):  # nobody saw the same texts twice
            seen = [texts[desk.group.key] for desk in person.desks]
            assert len(seen) == len(set(map(tuple, seen)))
        anna = Person("anna", 0)
    # A restart knows who had what: neither gets the twin of what they judged.
    with opened(tmp_path, overlap=1.0) as run:
        said = {j.group: j.operator for j in run.journal.judgements()}
        other = dict(pairs) | {b: a for a, b in pairs}
        again = Person("anna", 5)
        talk(run, again)
        assert all(said.get(other.get(key, (0, 0))) != "anna" for key in keys(again))


def test_one_operator_alone_gets_no_twins(tmp_path: Path) -> None:
    with opened(tmp_path, overlap=1.0) as run:
        talk(run, Person("anna", 6))
        assert pairs_of(run.journal.events()) == []


def test_two_resample_the_same_texts_and_get_different_ones(tmp_path: Path) -> None:
    def once() -> Callable[[Desk], Reply | None]:
        done: list[int] = []

        def say(desk: Desk) -> Reply | None:
            return None if done or done.append(1) else Resample()

        return say

    with opened(tmp_path, overlap=1.0) as run:
        anna, ben = Person("anna", 3, once()), Person("ben", 3, once())
        talk(run, anna, ben)
        handed = keys(anna) + keys(ben)
        assert len(handed) == len(set(handed)) == 6
        assert (anna.desks[0].group.key[0], 1) == anna.desks[1].group.key


def test_who_is_gone_waits_for_no_group(tmp_path: Path) -> None:
    go, began = threading.Event(), threading.Event()
    with opened(tmp_path, ahead=0) as run:

        def hold(engine: object) -> None:
            began.set()
            assert go.wait(20)

        run.engine.submit(hold)
        assert began.wait(20)
        gone = threading.Event()
        anna = Person("anna", 1)
        with contextlib.closing(Dialogue(run, anna, gone.is_set)) as dialogue:
            threading.Timer(0.2, gone.set).start()
            assert dialogue.step() is False
        assert anna.desks == []
        go.set()
        ben = Person("ben", 1)  # what was sampled for her is his
        talk(run, ben)
        assert keys(ben) == [(1, 0)]

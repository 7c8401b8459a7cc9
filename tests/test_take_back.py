"""Taking any judgement back through the session, and work for an idle engine."""

from __future__ import annotations

import threading
from pathlib import Path

from hitl.engine import Engine, EngineThread
from hitl.operator import Contrasted, Desk, Judged, Notice, Quit, TakeBack, Undone
from hitl.records import Judgement

from .fakes import FakeEngine, held
from .stints import BAD, GOOD, Stint


def test_it_comes_now_or_behind_those_that_are_ready(stint: Stint) -> None:
    operator, _ = stint(GOOD, TakeBack(1, now=True), BAD, TakeBack(2, now=False), GOOD, GOOD)
    seen = [desk.group.prompt.number for desk in operator.desks]
    assert seen[:5] == [1, 2, 1, 2, 2]
    assert [event.judgement.group[0] for event in operator.heard(Undone)] == [1, 1]
    assert operator.desks[2].draft is not None and operator.desks[2].draft.entries == ("5", "4")
    assert seen[5] == 1 and operator.desks[5].draft.entries == ("1", "2")
    assert stint.journal.totals().judgements == 2


def test_what_is_trained_or_gone_stays(stint: Stint) -> None:
    operator, _ = stint(GOOD, BAD, TakeBack(1, now=True), TakeBack(99, now=True), GOOD)
    assert not operator.heard(Undone) and len(operator.heard(Judged)) == 3
    texts = [notice.text for notice in operator.heard(Notice)]
    assert any("already trained" in text for text in texts)
    assert any("taken back already" in text for text in texts)


def test_idle_work_waits_for_all_that_is_asked_for() -> None:
    thread = EngineThread(FakeEngine)
    gate, done = threading.Event(), list[str]()
    first = thread.submit(lambda engine: gate.wait(10) and done.append("asked 1"))
    idle = [
        thread.when_idle(lambda engine, n=n: done.append(f"idle {n}"))  # type: ignore[misc]
        for n in (1, 2)
    ]
    second = thread.submit(lambda engine: done.append("asked 2"))
    gate.set()
    for future in (first, second, *idle):
        future.result(10)
    assert done == ["asked 1", "asked 2", "idle 1", "idle 2"]

    def fail(engine: Engine) -> None:
        raise ValueError("of the program")

    assert isinstance(thread.when_idle(fail).exception(10), ValueError)
    thread.close()


def test_texts_of_base_and_policy(stint: Stint) -> None:
    came = threading.Event()

    class Asking:
        name, leaving = "op", False

        def __init__(self) -> None:
            self.events: list[Contrasted] = []
            self.asked = 0

        def judge(self, desk: Desk) -> Judgement | Quit:
            self.asked += 1
            if self.asked <= 2:
                return GOOD(desk)
            desk.contrast([1, 2])
            desk.contrast([2])
            assert came.wait(10)
            assert desk.record("blind test", {"wins": 1})
            return Quit()

        def notify(self, event: object) -> None:
            if isinstance(event, Contrasted):
                self.events.append(event)
                if len(self.events) == 2:
                    came.set()

    from hitl.session import Session

    from .stints import CONFIG

    operator, thread = Asking(), EngineThread(FakeEngine)
    Session(held(stint.folder, stint.journal, thread, CONFIG), operator).run()
    thread.close()
    assert [(e.number, e.version, e.prompt) for e in operator.events] == [
        (1, 1, "prompt 1"),
        (2, 1, "prompt 2"),
    ]
    assert operator.events[0].before == "base -1.0.0" and operator.events[0].after == "-1.0.0"
    assert Path(stint.journal.path).exists()
    assert [entry.kind for entry in stint.journal.events()] == ["blind test"]

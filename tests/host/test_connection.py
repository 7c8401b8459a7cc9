"""A host and those who joined in one process: real sockets, an engine without torch."""

from __future__ import annotations

import asyncio
import dataclasses
import queue
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hitl.config.recorded import to_json
from hitl.config.session import SessionConfig
from hitl.engine import EngineThread
from hitl.errors import HitlError, UsageError
from hitl.host.joining import Joined, Where
from hitl.host.messages import PROTOCOL, Welcome
from hitl.host.serving import Audience, Host
from hitl.journal import Journal, JournalError
from hitl.open_run import OpenRun
from hitl.opening import Opening
from hitl.operator import Desk, Draft, Event, Inspected, Judged, Notice, Quit, Reply, Undo, Undone
from hitl.records import Judgement, Mode, Ranking, Scores
from tests.e2e.serving import free_port
from tests.fakes import FakeEngine, held

CONFIG = SessionConfig(lang="en", group_size=2, batch_size=4)
TOKEN = "a-token-of-the-test"


class Hosted:
    """A host in a thread of its own."""

    def __init__(self, folder: Path, port: int) -> None:
        path = folder / "journal.db"
        self.journal = Journal.open(path, create=not path.exists())
        engine = FakeEngine()
        self.thread = EngineThread(lambda: engine)
        self.audience = Audience(lambda event: None)
        parts = held(folder, self.journal, self.thread, CONFIG)
        self.run = OpenRun(parts, self.audience, Opening(ahead=2))
        self.run.take_up()
        self.port = port
        self.said: list[str] = []
        self._host: Host | None = None
        self._up = threading.Event()
        self._serving = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._serving.start()
        assert self._up.wait(20)

    async def _serve(self) -> None:
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", self.port))
        listening.listen()
        ppo = dataclasses.asdict(CONFIG.ppo)
        welcome = Welcome(PROTOCOL, "a", to_json(CONFIG), ppo, (), None)
        self._host = Host(self.run, self.audience, TOKEN, lambda: welcome, self.said.append)
        self._loop = asyncio.get_running_loop()
        self._up.set()
        await self._host.serve(listening)

    def stop(self) -> None:
        assert self._host is not None
        self._loop.call_soon_threadsafe(self._host.stop)
        self._serving.join(30)
        assert not self._serving.is_alive()
        self.run.finish()
        self.thread.close()
        self.journal.close()


@contextmanager
def hosted(folder: Path, port: int) -> Iterator[Hosted]:
    made = Hosted(folder, port)
    try:
        yield made
    finally:
        made.stop()


class Person:
    """Is asked; says what is put into `says`; holds in a thread of its own."""

    def __init__(self, port: int, name: str = "anna", token: str = TOKEN) -> None:
        self.name = name
        self.leaving = False
        self.desks: queue.Queue[Desk] = queue.Queue()
        self.says: queue.Queue[Reply | Callable[[Desk], Reply]] = queue.Queue()
        self.events: queue.Queue[Event] = queue.Queue()
        self.all: list[Event] = []
        self.failed: BaseException | None = None
        self.joined = Joined(Where("a", f"127.0.0.1:{port}", token, name))
        self.welcome = self.joined.connect()
        self._thread = threading.Thread(target=self._hold)
        self._thread.start()

    def _hold(self) -> None:
        try:
            self.joined.hold(self)
        except BaseException as error:
            self.failed = error

    def judge(self, desk: Desk) -> Reply:
        self.desks.put(desk)
        said = self.says.get()
        return said(desk) if callable(said) else said

    def notify(self, event: Event) -> None:
        self.all.append(event)
        self.events.put(event)

    def heard(self, kind: type, text: str = "") -> Event:
        """The next event of this kind."""
        while True:
            event = self.events.get(timeout=20)
            if isinstance(event, kind) and text in str(event):
                return event

    def asked(self) -> Desk:
        return self.desks.get(timeout=20)

    def end(self) -> None:
        self.leaving = True
        self.says.put(Quit())
        self._thread.join(20)
        assert not self._thread.is_alive()


def good(desk: Desk) -> Judgement:
    return Judgement(desk.group.key, Scores((5.0, 1.0)), "anna", Mode.SCORE, 1.0, "51", desk.shown)


def test_what_is_said_is_acknowledged_when_the_journal_has_it(tmp_path: Path) -> None:
    port = free_port()
    with hosted(tmp_path, port) as host:
        anna = Person(port)
        assert anna.welcome.run == "a"
        desk = anna.asked()
        assert host.journal.totals().judgements == 0 and desk.batch_size == 4
        held = threading.Event()
        append = host.journal.append

        def slowly(judgement: Judgement) -> int:
            assert held.wait(20)
            return append(judgement)

        host.journal.append = slowly  # type: ignore[method-assign]
        anna.says.put(good)
        with pytest.raises(queue.Empty):
            anna.desks.get(timeout=0.3)
        assert not [event for event in anna.all if isinstance(event, Judged)]
        held.set()
        anna.heard(Judged)
        assert host.journal.judgements()[0].operator == "anna"
        anna.asked().inspect()
        inspected = anna.heard(Inspected)
        assert isinstance(inspected, Inspected) and len(inspected.tokens) == 2
        anna.says.put(Undo())
        anna.heard(Undone)
        again = anna.asked()
        assert again.group.key == desk.group.key and again.draft == Draft(("5", "1"))
        anna.end()
        assert anna.failed is None and host.journal.totals().judgements == 0


def test_a_journal_that_cannot_be_written_acknowledges_nothing(tmp_path: Path) -> None:
    port = free_port()
    with hosted(tmp_path, port) as host:
        anna = Person(port)
        first = anna.asked()
        append = host.journal.append

        def full(judgement: Judgement) -> int:
            host.journal.append = append  # type: ignore[method-assign]
            raise JournalError("the disk is full")

        host.journal.append = full  # type: ignore[method-assign]
        anna.says.put(good)
        anna.heard(Notice, "the disk is full")
        assert anna.asked().group.key == first.group.key
        anna.says.put(good)
        anna.heard(Judged)
        anna.end()
        assert len([event for event in anna.all if isinstance(event, Judged)]) == 1


def test_who_is_cut_off_gets_their_group_again_and_says_it_once(tmp_path: Path) -> None:
    port = free_port()
    with hosted(tmp_path, port) as host:
        anna, ben = Person(port), Person(port, "ben")
        mine, his = anna.asked(), ben.asked()
        assert mine.group.key != his.group.key
    anna.heard(Notice, "is lost")
    anna.says.put(good)  # while nobody hears it
    with hosted(tmp_path, port) as host:
        anna.heard(Notice, "is back")
        judged = anna.heard(Judged)
        assert isinstance(judged, Judged) and judged.judgement.group == mine.group.key
        ben.heard(Notice, "is back")
        ben.says.put(good)  # the group was on his screen all the time
        judged = ben.heard(Judged)
        assert isinstance(judged, Judged) and judged.judgement.group == his.group.key
        assert judged.judgement.operator == "ben"
        anna.end()
        ben.end()
        assert anna.failed is ben.failed is None
        assert {j.group for j in host.journal.judgements()} == {mine.group.key, his.group.key}


def test_a_label_whose_acknowledgement_was_lost_is_kept_once(tmp_path: Path) -> None:
    port = free_port()
    with hosted(tmp_path, port) as host:
        anna = Person(port)
        desk = anna.asked()
        said = good(desk)
    host = Hosted(tmp_path, port)
    try:
        host.journal.append(said)  # as if the host had died right after this
        anna.heard(Notice, "is lost")
        anna.says.put(said)
        judged = anna.heard(Judged)
        assert isinstance(judged, Judged) and judged.judgement == said
        assert anna.asked().group.key != desk.group.key
        anna.end()
        assert anna.failed is None and host.journal.totals().judgements == 1
    finally:
        host.stop()


def test_what_was_said_of_a_group_that_others_judged_is_not_kept(tmp_path: Path) -> None:
    port = free_port()
    with hosted(tmp_path, port):
        anna = Person(port)
        desk = anna.asked()
    anna.heard(Notice, "is lost")
    anna.says.put(good)
    with hosted(tmp_path, free_port()) as elsewhere:  # where anna does not look for it
        other = dataclasses.replace(good(desk), operator="ben")
        elsewhere.journal.append(other)
    with hosted(tmp_path, port) as host:
        anna.heard(Notice, "was not kept")
        assert anna.asked().group.key != desk.group.key
        anna.end()
        assert [j.operator for j in host.journal.judgements()] == ["ben"]


def test_one_who_leaves_while_the_host_is_away_is_told_what_is_not_known(tmp_path: Path) -> None:
    port = free_port()
    with hosted(tmp_path, port):
        anna = Person(port)
        anna.asked()
    anna.heard(Notice, "is lost")
    anna.says.put(good)
    anna.end()
    assert isinstance(anna.failed, HitlError) and "not known" in str(anna.failed)


def test_who_may_join(tmp_path: Path) -> None:
    port = free_port()
    with hosted(tmp_path, port):
        with pytest.raises(UsageError, match="refused the token"):
            Person(port, token="another-token")
        with pytest.raises(UsageError, match="hosts another run than b: join it as"):
            Joined(Where("b", f"127.0.0.1:{port}", TOKEN, "anna")).connect()
        anna = Person(port)
        with pytest.raises(HitlError, match="anna has joined already"):
            Person(port)
        with pytest.raises(HitlError, match="printable"):
            Person(port, "\x1b[31m")
        anna.end()
        again = Person(port)  # the name is free again
        again.asked()
        again.end()
    with pytest.raises(HitlError, match="no host answers"):
        Person(port)


@pytest.mark.parametrize(
    "verdict", [Scores((9.0, 1.0)), Scores((1.0,)), Ranking((3, 1)), Ranking((1,))]
)
def test_what_no_screen_lets_pass_is_no_judgement(tmp_path: Path, verdict: object) -> None:
    port = free_port()
    with hosted(tmp_path, port) as host:
        anna = Person(port)
        desk = anna.asked()
        bad = dataclasses.replace(good(desk), verdict=verdict)
        anna.says.put(bad)
        anna.heard(Notice, "is lost")  # the host closed the connection, and went on
        anna.says.put(good)
        anna.asked()
        anna.heard(Judged)
        anna.end()
        assert [j.verdict for j in host.journal.judgements()] == [Scores((5.0, 1.0))]
        assert any("closed" in line for line in host.said)

"""The host's side of the connections: who may join, and a dialogue for each who did."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import threading
from collections.abc import Callable
from dataclasses import dataclass
from socket import socket

from aiohttp import WSMsgType, web

from hitl.dialogue import Dialogue
from hitl.host.messages import PROTOCOL, Bye, Hello, Refused, Told, Welcome
from hitl.host.remote import RemoteOperator
from hitl.host.wire import LARGEST, WireError, dumps, heard_by_host
from hitl.open_run import OpenRun
from hitl.operator import Event, Judged, Notice
from hitl.records import Judgement
from hitl.rewards import rewards_of
from hitl.scale import Scale
from hitl.wording import Sentence

HEARTBEAT_S = 10.0
"""Seconds between two signs of life; one that is not answered in half of it ends a connection."""

LEAVING_S = 2.0
"""Seconds in which somebody who has left is let go, and their name is free."""

LONGEST_NAME = 60


class Audience:
    """All who are there; implements hitl.operator.Listener."""

    def __init__(self, say: Callable[[Event], None]) -> None:
        """`say` tells whoever looks after the host; called from any thread."""
        self.leaving = False
        self._say = say
        self._lock = threading.Lock()
        self._there: tuple[RemoteOperator, ...] = ()

    def notify(self, event: Event) -> None:
        """See Listener."""
        self._say(event)
        for operator in self._there:
            operator.notify(event)

    def came(self, operator: RemoteOperator) -> None:
        """From now on they hear what happens."""
        with self._lock:
            self._there = (*self._there, operator)

    def went(self, operator: RemoteOperator) -> None:
        """They hear no more."""
        with self._lock:
            self._there = tuple(other for other in self._there if other is not operator)


@dataclass(eq=False)
class Place:
    """Of one who joined."""

    client: str
    operator: RemoteOperator
    left: asyncio.Event
    """Their dialogue has ended."""


class Host:
    """Lets people join one run, until it is stopped. Used in an event loop."""

    def __init__(
        self,
        run: OpenRun,
        audience: Audience,
        token: str,
        welcome: Callable[[], Welcome],
        say: Callable[[str], None],
    ) -> None:
        """`welcome` is made anew for each; it names the run. `say` takes a line for whoever looks
        after the host."""
        self._run = run
        self._audience = audience
        self._token = token
        self._welcome = welcome
        self._say = say
        self._name = welcome().run
        self._scale = Scale.parse(run.config.scale)
        self._places: dict[str, Place] = {}
        self._failed: BaseException | None = None
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        self.judged_twice = asyncio.Event()
        """Set when a group has got its second judgement."""

    def stop(self) -> None:
        """Lets everybody go; `serve` returns."""
        self._end.set()

    async def serve(self, listening: socket) -> None:
        """Until `stop`; then, when all dialogues have ended, it returns, or raises what ended one.
        What is judged meanwhile is kept."""
        app = web.Application(client_max_size=1024)
        app.router.add_get("/{run}", self._join)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.0)
        await runner.setup()
        try:
            await web.SockSite(runner, listening).start()
            await self._end.wait()
            places = list(self._places.values())
            for place in places:
                place.operator.hang_up()
            for place in places:
                await place.left.wait()
        finally:
            await runner.cleanup()
        if self._failed is not None:
            raise self._failed

    # --- one connection ------------------------------------------------------------------------

    async def _join(self, request: web.Request) -> web.StreamResponse:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            raise web.HTTPForbidden(text="wrong token")
        if request.match_info["run"] != self._name:
            raise web.HTTPNotFound(text="another run")
        if self._end.is_set():
            raise web.HTTPServiceUnavailable(text="the host is about to end")
        connection = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=LARGEST)
        await connection.prepare(request)
        try:
            hello = heard_by_host(await connection.receive_str(timeout=HEARTBEAT_S))
            refusal = await self._refusal(hello)
            if refusal or not isinstance(hello, Hello):
                await connection.send_str(dumps(Refused(refusal)))
            else:
                await self._hold(connection, hello)
        except (WireError, TypeError, TimeoutError, ConnectionError) as error:
            self._say(f"a connection was closed: {error}")
        await connection.close()
        return connection

    async def _refusal(self, said: object) -> str:
        """Why they cannot join; "" when they can."""
        if not isinstance(said, Hello):
            return "hitl speaks to this host with `hitl join`"
        if said.protocol != PROTOCOL:
            return "host and joined are of different versions of hitl: install the same one"
        name = said.operator
        if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
            return f"--operator: a name has 1 to {LONGEST_NAME} printable characters"
        if (place := self._places.get(name)) is not None:
            if place.client == said.client:
                place.operator.hang_up()  # their connection was lost: this host did not see it yet
                await place.left.wait()
            else:
                with contextlib.suppress(TimeoutError):  # who has just left is still being let go
                    await asyncio.wait_for(place.left.wait(), LEAVING_S)
                if not place.left.is_set() or self._places.get(name, place) is not place:
                    return f"{name} has joined already: choose another --operator NAME"
        return ""

    async def _hold(self, connection: web.WebSocketResponse, hello: Hello) -> None:
        outgoing: asyncio.Queue[str | None] = asyncio.Queue()

        def send(told: Told | None) -> None:
            text = None if told is None else dumps(told)
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(outgoing.put_nowait, text)

        operator = RemoteOperator(hello.operator, self._scale, send, self._judged)
        place = Place(hello.client, operator, asyncio.Event())
        self._places[operator.name] = place
        send(self._welcome())
        self._audience.came(operator)
        self._say(f"{operator.name} joined, {len(self._places)} there")

        def talk() -> None:
            try:
                self._talk(operator, hello)
                if not operator.leaving:
                    send(Bye())
            except BaseException as error:  # raised again by `serve`
                self._loop.call_soon_threadsafe(self._fail, error)
            finally:
                send(None)
                self._loop.call_soon_threadsafe(place.left.set)

        writing = asyncio.create_task(self._write(connection, outgoing))
        threading.Thread(target=talk, name=f"dialogue {operator.name}").start()
        try:
            async for message in connection:
                if message.type is not WSMsgType.TEXT:
                    raise WireError("a message is no text")
                operator.heard(heard_by_host(message.data))
        finally:
            operator.hang_up()
            self._audience.went(operator)
            await place.left.wait()
            if self._places.get(operator.name) is place:
                del self._places[operator.name]
            writing.cancel()
            self._say(f"{operator.name} left, {len(self._places)} there")

    async def _write(
        self, connection: web.WebSocketResponse, outgoing: asyncio.Queue[str | None]
    ) -> None:
        with contextlib.suppress(ConnectionError):  # reading ends too, and says so
            while (text := await outgoing.get()) is not None:
                await connection.send_str(text)
        await connection.close()

    def _fail(self, error: BaseException) -> None:
        if self._failed is None:
            self._failed = error
        self.stop()

    # --- a dialogue, in its own thread ---------------------------------------------------------

    def _talk(self, operator: RemoteOperator, hello: Hello) -> None:
        with contextlib.closing(
            Dialogue(self._run, operator, lambda: operator.leaving)
        ) as dialogue:
            self._take_up(operator, dialogue, hello)
            while dialogue.step():
                pass

    def _take_up(self, operator: RemoteOperator, dialogue: Dialogue, hello: Hello) -> None:
        """What lay before them when they were cut off, and what they had said of it."""
        said = hello.unacknowledged
        if said is None:
            if hello.holding is not None:
                dialogue.claim(hello.holding)
            return
        last = self._run.journal.last_judged(operator.name)
        if last is not None and last.judgement == said:
            rewards = rewards_of(said, len(last.group.completions))
            operator.notify(Judged(said, rewards, dialogue.waiting_labels()))
        elif dialogue.claim(said.group):
            operator.carry(said)
        else:
            text = Sentence("others judged that group meanwhile: what you said of it was not kept")
            operator.notify(Notice(text, "warning", lost=True))

    def _judged(self, judgement: Judgement) -> None:
        if self._run.supply.is_twin(judgement.group):
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self.judged_twice.set)

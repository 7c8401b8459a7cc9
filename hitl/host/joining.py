"""The other end: a connection to a host that is made again whenever it is lost, and the operator
who does not have to know.

What they say of a group is theirs until the host has said that its journal has it. If the
connection is lost before, it is said again with the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import re
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from hitl.errors import HitlError, UsageError
from hitl.host.messages import (
    PROTOCOL,
    Answer,
    Asked,
    Bye,
    Contrast,
    Entered,
    Happened,
    Hello,
    Inspect,
    Key,
    Record,
    Recorded,
    Refused,
    Said,
    Told,
    Welcome,
)
from hitl.host.wire import LARGEST, WireError, dumps, heard_by_joined
from hitl.operator import Desk, Draft, Judged, Notice, Operator, Quit, Rejudged, Reply, Resample
from hitl.records import Judgement
from hitl.wording import Sentence

RETRY_S = 1.0
"""Seconds between two attempts to reach the host again."""
ANSWER_S = 10.0
"""Seconds a host has to answer when it is called, and when it is to keep something."""
LOOK_S = 0.2
"""Seconds between two looks whether the operator has left."""
LOST = (aiohttp.ClientError, OSError, TimeoutError, WireError, TypeError)
"""What a lost connection is told by."""
_ERRNO = re.compile(r"^\[Errno -?\d+\] ")


@dataclass(frozen=True, slots=True)
class Where:
    """A run at a host, and who joins it."""

    run: str
    address: str
    """HOST:PORT."""
    token: str
    operator: str


class Joined:
    """One operator's place at a host. `connect` first, then `hold`."""

    def __init__(self, where: Where) -> None:
        self._where = where
        self._client = secrets.token_hex(8)
        self._loop = asyncio.new_event_loop()
        self._outgoing: asyncio.Queue[Said] = asyncio.Queue()
        self._recorded: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._operator: Operator | None = None
        self._reading: asyncio.Task[None] | None = None
        self._lost = False
        self._changed = threading.Condition()  # guards what follows:
        self._up = False
        """A hello was sent and the connection holds."""
        self._asked: Asked | None = None
        """What the host waits for on this connection."""
        self._holding: Key | None = None
        self._unkept: Judgement | None = None
        """Said, and not known to be in the journal."""
        self._over = False
        self._failed: BaseException | None = None

    def connect(self) -> Welcome:
        """What a screen must know. Raises UsageError or HitlError, in one line, when the host is
        not there or lets nobody in."""
        thread = threading.Thread(target=self._loop.run_forever, name="connection", daemon=True)
        thread.start()
        opened: asyncio.Future[Welcome] = asyncio.Future(loop=self._loop)

        async def begin() -> Welcome:
            self._reading = asyncio.create_task(self._keep(opened))
            return await opened

        try:
            return asyncio.run_coroutine_threadsafe(begin(), self._loop).result()
        except BaseException:
            self.close()
            raise

    def hold(self, operator: Operator) -> None:
        """The operator's session, until they leave. Raises HitlError when the host lets them in no
        more, or what they said last is not known to be kept."""
        try:
            with self._changed:
                self._operator = operator
                self._changed.notify_all()
            while (asked := self._next(operator)) is not None:
                reply = operator.judge(self._desk(asked))
                if not self._say(asked, reply, operator):
                    break
        finally:
            self.close()
        if self._unkept is not None:
            raise HitlError(
                f"the host at {self._where.address} did not answer again: whether your last "
                "judgement was kept is not known, all before it were"
            )

    def close(self) -> None:
        """Leaves the host."""

        async def end() -> None:
            if self._reading is not None:
                self._reading.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await self._reading

        with self._changed:
            self._over = True
        if self._loop.is_running():
            asyncio.run_coroutine_threadsafe(end(), self._loop).result(ANSWER_S)
            self._loop.call_soon_threadsafe(self._loop.stop)

    # --- the operator's thread -----------------------------------------------------------------

    def _next(self, operator: Operator) -> Asked | None:
        """What they are asked next; None when they or the host are done."""
        with self._changed:
            while True:
                if self._failed is not None:
                    raise self._failed
                if self._over:
                    return None
                if self._up and self._asked is not None:
                    return self._asked
                if operator.leaving and (self._unkept is None or not self._up):
                    return None
                self._changed.wait(LOOK_S)

    def _say(self, asked: Asked, reply: Reply, operator: Operator) -> bool:
        """To the host; waits for it if it is away. False when the operator has left."""
        with self._changed:
            while True:
                now = self._asked if self._up else None
                if isinstance(reply, Judgement) and not self._up:
                    self._unkept = reply  # goes with the next hello
                    return True
                if self._failed is not None or (isinstance(reply, Quit) and now is None):
                    return self._failed is not None
                if now is not None:
                    break
                if operator.leaving:
                    return True  # what waits for a group sees to it
                self._changed.wait(LOOK_S)
            if now.group.key != asked.group.key and isinstance(reply, Judgement | Resample):
                notice = Sentence(
                    "that group went to somebody else while the connection was lost: what you said "
                    "of it was not kept"
                )
                operator.notify(Notice(notice, "warning", lost=True))
                return True
            self._asked = None
            if isinstance(reply, Judgement):
                self._unkept = reply
            self._send(Answer(now.desk, reply))  # type: ignore[arg-type]
            if isinstance(reply, Quit):
                self._changed.wait_for(lambda: self._over or not self._up, ANSWER_S)
        return not isinstance(reply, Quit)

    def _desk(self, asked: Asked) -> Desk:
        def keep(draft: Draft) -> None:
            self._tell(asked, lambda desk: Entered(desk, draft))

        def contrast(numbers: Sequence[int]) -> None:
            self._tell(asked, lambda desk: Contrast(desk, tuple(numbers)))

        def record(kind: str, data: dict[str, Any]) -> bool:
            while not self._recorded.empty():
                self._recorded.get()
            self._tell(asked, lambda desk: Record(desk, data))
            try:
                return self._recorded.get(timeout=ANSWER_S)
            except queue.Empty:
                return False

        return Desk(
            group=asked.group,
            mode=asked.mode,
            shown=asked.shown,
            batch_labels=asked.batch_labels,
            batch_size=asked.batch_size,
            ready=asked.ready,
            draft=asked.draft,
            save_draft=keep,
            inspect=lambda: self._tell(asked, Inspect),
            contrast=contrast,
            record=record,
        )

    def _tell(self, asked: Asked, make: Callable[[int], Said]) -> None:
        """What is no answer; not worth keeping for a later connection."""
        with self._changed:
            now = self._asked if self._up else None
            if now is not None and now.group.key == asked.group.key:
                self._send(make(now.desk))

    def _send(self, said: Said) -> None:
        self._loop.call_soon_threadsafe(self._outgoing.put_nowait, said)

    # --- the connection's thread ---------------------------------------------------------------

    async def _keep(self, opened: asyncio.Future[Welcome]) -> None:
        """Connections, one after the other."""
        while not self._over:
            try:
                await self._connection(opened)
                return  # the host said good-bye
            except (UsageError, HitlError) as error:
                if isinstance(error, WireError) and opened.done():
                    why: BaseException = error
                else:
                    self._fail(opened, error)
                    return
            except LOST as error:
                why = error
            except Exception as error:  # raised again in the operator's thread
                self._fail(opened, error)
                return
            finally:
                with self._changed:
                    self._up, self._asked = False, None
                    self._changed.notify_all()
            if not opened.done():
                self._fail(opened, self._nobody(why))
                return
            if not self._lost and self._operator is not None:
                self._lost = True
                text = Sentence(
                    "the connection to {address} is lost: it is tried again, and nothing that was "
                    "kept is lost",
                    address=self._where.address,
                )
                self._operator.notify(Notice(text, "warning"))
            await asyncio.sleep(RETRY_S)

    async def _connection(self, opened: asyncio.Future[Welcome]) -> None:
        """Until the host says good-bye. Raises one of LOST when it is lost."""
        where = self._where
        url = f"ws://{where.address}/{where.run}"
        headers = {"Authorization": f"Bearer {where.token}"}
        limit = aiohttp.ClientTimeout(total=None, sock_connect=ANSWER_S)
        async with aiohttp.ClientSession(timeout=limit) as session:
            try:
                connecting = session.ws_connect(
                    url, headers=headers, heartbeat=ANSWER_S, max_msg_size=LARGEST
                )
                connection = await asyncio.wait_for(connecting, ANSWER_S)
            except aiohttp.InvalidURL as error:
                raise UsageError(f"{where.address} is no address: write HOST:PORT") from error
            except aiohttp.WSServerHandshakeError as error:
                raise self._refusal(error.status) from error
            async with connection:
                with self._changed:
                    self._outgoing = asyncio.Queue()
                    hello = Hello(
                        PROTOCOL, where.operator, self._client, self._holding, self._unkept
                    )
                    self._up = True
                await connection.send_str(dumps(hello))
                welcome = await self._heard(connection)
                if isinstance(welcome, Refused):
                    raise HitlError(welcome.why)
                if not isinstance(welcome, Welcome) or welcome.protocol != PROTOCOL:
                    raise HitlError("the host is of another version of hitl: install the same one")
                if not opened.done():
                    opened.set_result(welcome)
                while self._operator is None:
                    await asyncio.sleep(0.01)
                if self._lost:
                    self._lost = False
                    self._operator.notify(Notice(Sentence("the host is back: go on")))
                writing = asyncio.create_task(self._write(connection, self._outgoing))
                try:
                    while not self._take(await self._heard(connection)):
                        pass
                finally:
                    writing.cancel()

    async def _heard(self, connection: aiohttp.ClientWebSocketResponse) -> Told:
        return heard_by_joined(await connection.receive_str())

    async def _write(
        self, connection: aiohttp.ClientWebSocketResponse, outgoing: asyncio.Queue[Said]
    ) -> None:
        with contextlib.suppress(*LOST):  # reading ends too, and says so
            while True:
                await connection.send_str(dumps(await outgoing.get()))

    def _take(self, told: Told) -> bool:
        """Whether that was the last."""
        with self._changed:
            match told:
                case Asked(_, group):
                    self._asked, self._holding, self._unkept = told, group.key, None
                case Happened(Judged() | Rejudged()):
                    self._unkept = None
                case Bye():
                    self._over = True
                    self._unkept = None
            self._changed.notify_all()
        if isinstance(told, Happened) and self._operator is not None:
            self._operator.notify(told.event)
        elif isinstance(told, Recorded):
            self._recorded.put(told.kept)
        return isinstance(told, Bye)

    def _fail(self, opened: asyncio.Future[Welcome], error: BaseException) -> None:
        if not opened.done():
            opened.set_exception(error)
            return
        with self._changed:
            self._failed = error
            self._changed.notify_all()

    def _nobody(self, why: BaseException) -> HitlError:
        where = self._where
        if isinstance(why, aiohttp.ClientConnectorError):  # its own text tells of sockets
            why = why.os_error
        number = why.errno if isinstance(why, OSError) and (why.errno or 0) > 0 else None
        reason = os.strerror(number) if number else _ERRNO.sub("", str(why)) or type(why).__name__
        return HitlError(
            f"no host answers at {where.address} ({reason}): check the address, or start it there "
            f"with `hitl host {where.run}`"
        )

    def _refusal(self, status: int) -> Exception:
        where = self._where
        if status == 403:
            return UsageError(
                f"{where.address} refused the token: give the one that `hitl host` printed, with "
                "--token or in HITL_TOKEN"
            )
        if status == 404:
            return UsageError(
                f"{where.address} hosts another run than {where.run}: join it as `hitl host` says"
            )
        return ConnectionError(f"it answered {status}")

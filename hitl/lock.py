"""One process a run: a lock that goes away with its holder, however that ends."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from hitl.errors import HitlError


class LockError(HitlError):
    """The run is open elsewhere, or cannot be locked."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has the run open."""

    pid: int
    host: str
    since: str
    """Local time, YYYY-MM-DD HH:MM:SS."""


class RunLock:
    """Holds the file `lock` of a run folder until `release`. Also a context manager.

    The kernel's flock is the lock, so it is free again after kill -9; what stands in the file is
    for the sentence that a second process gets. The file itself stays: to remove it would give two
    processes a lock each.
    """

    def __init__(self, directory: Path) -> None:
        """Raises LockError at once when another process holds the run."""
        self._path = directory / "lock"
        name = directory.name
        try:
            self._descriptor: int | None = os.open(
                self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644
            )
        except OSError as error:
            raise LockError(
                f"run {name} cannot be locked: {error.strerror}: {self._path}: it must be possible "
                "to write there, or copy the run to where it is"
            ) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._write(Holder(os.getpid(), socket.gethostname(), time.strftime("%F %T")))
        except OSError as error:
            os.close(self._descriptor)
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                advice = ": make room there and try again" if error.errno == errno.ENOSPC else ""
                raise LockError(
                    f"run {name} cannot be locked: {error.strerror}: {self._path}{advice}"
                ) from error
            raise LockError(
                f"run {name} is open in {_describe(holder(directory))}: "
                "quit it there, or choose another run"
            ) from error

    def release(self) -> None:
        """Lets the run go. A second call does nothing."""
        if self._descriptor is None:
            return
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)
        self._descriptor = None

    def __enter__(self) -> RunLock:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def _write(self, who: Holder) -> None:
        assert self._descriptor is not None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, json.dumps(asdict(who)).encode(), 0)


def holder(directory: Path) -> Holder | None:
    """Who wrote the lock file of a run folder last and did not release it; None when unknown.

    After a kill that process may be gone: only `RunLock` tells whether the run is free.
    """
    try:
        fields = json.loads((directory / "lock").read_bytes())
        return Holder(int(fields["pid"]), str(fields["host"]), str(fields["since"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _describe(who: Holder | None) -> str:
    if who is None:
        return "another process"
    return f"process {who.pid} on {who.host} since {who.since}"

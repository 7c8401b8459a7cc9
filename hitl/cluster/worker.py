"""What runs on the cluster: a LocalEngine, asked from afar.

A call is begun, then looked at until it is done. So one connection carries calls, what is told on
the way and results, and whoever asks can look up from it at any time. Nothing here knows of Ray.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hitl
from hitl.atomic import TEMPORARY, sweep
from hitl.cluster import files
from hitl.config.session import SessionConfig
from hitl.engine import Engine, EngineThread
from hitl.errors import HitlError
from hitl.installed import version_of
from hitl.manifest import Manifest
from hitl.records import Prompt

Told = tuple[str, tuple[Any, ...]]
"""Which of the engine's callbacks ("progress", "notice", "partial"), and what it was given."""


@dataclass(frozen=True, slots=True)
class About:
    """Who a worker is."""

    hitl: str
    versions: dict[str, str]
    """Of the packages asked for."""
    node: str
    """Name of its machine."""
    pid: int


@dataclass(frozen=True, slots=True)
class Seat:
    """A worker's place among those that divide an update."""

    rank: int
    size: int
    address: str
    """Its own, by which the others reach it."""
    meeting: tuple[str, int]
    """Where the first one listens."""
    in_pieces: bool = False
    """Whether it has a piece of the policy; else the whole."""
    rows: int | None = None
    """Completions that go forward at once; None: as many as the config says."""


@dataclass(frozen=True, slots=True)
class Look:
    """How far a call is."""

    told: tuple[Told, ...]
    """Since the last look, oldest first."""
    done: bool
    value: Any = None
    error: Exception | None = None


class Worker:
    """One engine and one call at a time."""

    def __init__(self) -> None:
        # Before torch is imported: its waiting threads would spin on a core that others need.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        self._told: deque[Told] = deque()
        self._thread: EngineThread | None = None
        self._call: Future[Any] | None = None
        self._scratch = _scratch_folder()
        self._in_pieces = False
        self._listener: socket.socket | None = None

    def about(self, packages: Sequence[str]) -> About:
        """Quick: nothing heavy is imported."""
        return About(
            hitl.__version__,
            {package: version_of(package) for package in packages},
            socket.gethostname(),
            os.getpid(),
        )

    # --- folders ----------------------------------------------------------------------------

    def holds(self, folder: str, manifest: Manifest) -> bool:
        """Whether the very files lie in that folder here."""
        try:
            return manifest.problem(Path(folder)) is None
        except OSError:
            return False

    def receive(self, folder: str, name: str, offset: int, data: bytes) -> None:
        """A piece of a file of a folder that was sent under this name."""
        files.write_piece(self._scratch / folder, name, offset, data)

    def give(self, folder: str, name: str, offset: int) -> bytes:
        """A piece of a file that a call has left here."""
        return files.read_piece(self._scratch / folder, name, offset)

    def drop(self, folder: str) -> None:
        """Removes what is left of a folder."""
        shutil.rmtree(self._scratch / folder, ignore_errors=True)

    # --- calls ------------------------------------------------------------------------------

    def listen(self, address: str) -> int:
        """Opens a port at an address of this machine, where the others of an update will find this
        worker, its first one."""
        self._listener = socket.create_server((address, 0))
        port: int = self._listener.getsockname()[1]
        return port

    def begin_build(
        self, source: str, kind: str, config: SessionConfig, seat: Seat | None = None
    ) -> None:
        """Loads the base policy. `kind` says what `source` is: a folder here ("path"), one that was
        sent ("sent"), or an id of the "hub". With a `seat`, updates are divided with others, and
        the policy may be in pieces."""
        places: dict[str, Path | str] = {
            "path": Path(source),
            "sent": self._scratch / source,
            "hub": source,
        }
        place = places[kind]
        self._in_pieces = seat is not None and seat.in_pieces

        def make() -> Engine:
            from hitl.learn.engine import LocalEngine
            from hitl.learn.join import joined
            from hitl.learn.share import ALONE, Share

            def join(device: Any) -> Share:
                if seat is None:
                    return ALONE
                listener = self._listener.detach() if self._listener is not None else None
                return joined(
                    seat.rank, seat.size, seat.address, seat.meeting, listener, device,
                    in_pieces=seat.in_pieces,
                )  # fmt: skip

            return LocalEngine(
                place,
                config,
                lambda *told: self._told.append(("progress", told)),
                lambda text: self._told.append(("notice", (text,))),
                self._tell_partial,
                join,
                seat.rows if seat is not None else None,
            )

        self._thread = EngineThread(make)
        self._submit(lambda engine: engine.version)

    def begin(self, call: str, arguments: tuple[Any, ...]) -> None:
        """Calls a method of the engine."""
        self._submit(lambda engine: getattr(engine, call)(*arguments))

    def begin_save(self, folder: str) -> None:
        """Saves into a folder here; its value is the manifest."""
        directory = self._scratch / folder
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        self._submit(lambda engine: engine.save(directory))

    def begin_load(self, folder: str) -> None:
        """Loads what was sent; its value is the version."""
        self._submit(lambda engine: engine.load(self._scratch / folder))

    def look(self, seconds: float) -> Look:
        """Waits so long for the call to end."""
        assert self._call is not None
        wait([self._call], seconds)
        # Whether it is done comes first: then all it told is there.
        done = self._call.done()
        told = tuple(self._told.popleft() for _ in range(len(self._told)))
        if not done:
            return Look(told, done=False)
        error = self._call.exception()
        if error is None:
            return Look(told, done=True, value=self._call.result())
        if self._in_pieces:
            from hitl.learn.join import in_words

            error = in_words(error)
        return Look(told, done=True, error=_portable(error))

    def close(self) -> None:
        """Frees what the worker holds."""
        if self._thread is not None:
            self._thread.close()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _submit(self, call: Callable[[Engine], Any]) -> None:
        if self._thread is None:
            raise RuntimeError("the worker was asked before it had a policy")
        self._call = self._thread.submit(call)

    def _tell_partial(self, prompt: Prompt, texts: tuple[str, ...]) -> None:
        self._told.append(("partial", (prompt, texts)))


def _scratch_folder() -> Path:
    """A folder of this process alone. What workers that were killed have left is removed."""
    parent = Path(tempfile.gettempdir(), f"hitl-ray-{os.getuid()}")
    parent.mkdir(mode=0o700, exist_ok=True)
    if parent.is_symlink() or parent.stat().st_uid != os.getuid():
        raise HitlError(f"{parent} belongs to somebody else: remove it, or set TMPDIR")
    sweep(parent)
    folder = parent / f"{TEMPORARY}worker-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def _portable(error: BaseException) -> Exception:
    """An error of ours as it is; any other as text, for its class may not be known elsewhere."""
    if isinstance(error, HitlError):
        return error
    other = RuntimeError(f"{type(error).__name__} on {socket.gethostname()}: {error}")
    other.add_note("".join(traceback.format_exception(error)))
    return other

"""The way to a worker: what is asked of it, and what it means when no answer comes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import ray
import ray.exceptions as broken

from hitl.cluster import files
from hitl.cluster.worker import About, Look, Told
from hitl.config.session import SessionConfig
from hitl.errors import HitlError
from hitl.manifest import Manifest

LOOK_S = 1 / 15
"""Seconds between two looks at a call: as text grows for a reader."""
CLOSE_S = 10.0
"""Seconds that a worker has to end by itself."""

Hear = Callable[[Told], None]


class LostError(Exception):
    """The worker, its node, or the way there is gone; what it had in hand is not known."""


class Remote:
    """A worker on the cluster. Every method but `discard` and `close` raises LostError."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    def about(self, packages: Sequence[str], seconds: float) -> About | None:
        """Who it is; None when no node has had room for it in these seconds. Raises HitlError when
        a node has, and cannot run it."""
        with _answering():
            asked = self._handle.about.remote(packages)
            if not ray.wait([asked], timeout=seconds)[0]:
                return None
            about: About = ray.get(asked)
            return about

    def build(self, source: Path | str, config: SessionConfig, hear: Hear) -> None:
        """Has it load the base policy. A folder that it does not have is sent to it."""
        if isinstance(source, str):
            self._work("begin_build", source, "hub", config, hear=hear)
            return
        names = files.model_files(source)
        if self._ask("holds", str(source.resolve()), Manifest.of_files(source, sorted(names))):
            self._work("begin_build", str(source.resolve()), "path", config, hear=hear)
            return
        self._send(source, names, "base")
        self._work("begin_build", "base", "sent", config, hear=hear)

    def call(self, method: str, *arguments: Any, hear: Hear) -> Any:
        """What the engine there returns or raises."""
        return self._work("begin", method, arguments, hear=hear)

    def save(self, directory: Path, hear: Hear) -> Manifest:
        """Has the engine save, and brings the files here; they are on disk then. The manifest is of
        the files as they were written there."""
        manifest: Manifest = self._work("begin_save", "save", hear=hear)
        done, total = 0, sum(entry.size for entry in manifest.files.values())
        for name, entry in manifest.files.items():
            offset = 0
            while offset < entry.size or offset == 0:
                data: bytes = self._ask("give", "save", name, offset)
                files.write_piece(directory, name, offset, data)
                offset, done = offset + len(data), done + len(data)
                hear(("progress", ("save", done, max(total, 1))))
                if not data:
                    break
            files.sync_file(directory, name)
        self._ask("drop", "save")
        return manifest

    def load(self, directory: Path, hear: Hear) -> int:
        """Sends what `save` brought here, and has the engine take it up; returns the version."""
        self._send(directory, files.checkpoint_files(directory), "load")
        version: int = self._work("begin_load", "load", hear=hear)
        self._ask("drop", "load")
        return version

    def discard(self) -> None:
        """Ends it at once, if it is there."""
        with contextlib.suppress(Exception):
            ray.kill(self._handle)

    def close(self) -> None:
        """Ends it when it has put its things away."""
        with contextlib.suppress(Exception):
            ray.wait([self._handle.close.remote()], timeout=CLOSE_S)
        self.discard()

    def _send(self, folder: Path, names: dict[str, int], to: str) -> None:
        self._ask("drop", to)
        for name, size in names.items():
            for offset in range(0, max(size, 1), files.PIECE):
                self._ask("receive", to, name, offset, files.read_piece(folder, name, offset))

    def _work(self, begin: str, *arguments: Any, hear: Hear) -> Any:
        self._ask(begin, *arguments)
        while True:
            look: Look = self._ask("look", LOOK_S)
            for told in look.told:
                hear(told)
            if look.error is not None:
                raise look.error
            if look.done:
                return look.value

    def _ask(self, method: str, *arguments: Any) -> Any:
        with _answering():
            return ray.get(getattr(self._handle, method).remote(*arguments))


@contextlib.contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except broken.RayTaskError:  # it answered: with an error of its own
        raise
    except (broken.RayActorError, broken.ActorUnschedulableError) as error:
        text = str(error)
        if "No module named" in text or "failed to import" in text:
            raise HitlError(
                "the cluster's nodes cannot run hitl: install the same version of it there, for "
                f"the Python that runs Ray ({_reason(text)})"
            ) from error
        raise LostError(_reason(text)) from error
    except (broken.RayError, ConnectionError) as error:
        raise LostError(_reason(str(error)) or type(error).__name__) from error


def _reason(text: str) -> str:
    """The line of Ray's report that says most."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for sign in ("ModuleNotFoundError", "The actor is dead because", "node was terminated"):
        for line in lines:
            if sign in line:
                return line[:200].rstrip(". ")
    return (lines or [""])[0][:200].rstrip(". ")

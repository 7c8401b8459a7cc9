"""The way to a worker: what is asked of it, over whatever carries the asking."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from hitl.cluster import files
from hitl.cluster.worker import About, Look, Told
from hitl.manifest import Manifest

LOOK_S = 1 / 15
"""Seconds between two looks at a call: as text grows for a reader."""

Hear = Callable[[Told], None]


class LostError(Exception):
    """The worker, its node, or the way there is gone; what it had in hand is not known."""


class Handle(Protocol):
    """A Worker somewhere."""

    def ready(self, seconds: float) -> bool:
        """Whether it runs, before so many seconds have gone. Raises LostError, and HitlError when
        it cannot run there."""

    def address(self) -> str:
        """Of its node, among the cluster's. Raises LostError."""

    def ask(self, method: str, *arguments: Any) -> Any:
        """What a method of it returns or raises. Raises LostError when no answer can come."""

    def end(self) -> None:
        """Ends it at once, if it is there."""

    def close(self) -> None:
        """Ends it when it has put its things away."""


class Remote:
    """A worker's calls, folders and news. Raises LostError."""

    def __init__(self, handle: Handle) -> None:
        self.handle = handle

    def about(self, packages: Sequence[str]) -> About:
        """Who it is."""
        about: About = self._ask("about", packages)
        return about

    def listen(self, address: str) -> int:
        """Has it open a port there for the others."""
        port: int = self._ask("listen", address)
        return port

    def send_base(self, source: Path | str) -> tuple[str, str]:
        """How `begin_build` finds the base policy: its name there, and of which kind it is. A
        folder that it does not have is sent to it."""
        if isinstance(source, str):
            return source, "hub"
        names = files.model_files(source)
        if self._ask("holds", str(source.resolve()), Manifest.of_files(source, sorted(names))):
            return str(source.resolve()), "path"
        self._send(source, names, "base")
        return "base", "sent"

    def begin(self, begin: str, *arguments: Any) -> None:
        """Has it begin a call, which `look` then follows."""
        self._ask(begin, *arguments)

    def look(self, seconds: float) -> Look:
        """How far the call is, when so long has gone or it is done."""
        look: Look = self._ask("look", seconds)
        return look

    def bring(self, name: str, manifest: Manifest, directory: Path, hear: Hear) -> None:
        """Brings the files of a folder there, and removes them there; here they are on disk then.
        The manifest is of the files as they were written."""
        done, total = 0, sum(entry.size for entry in manifest.files.values())
        for file, entry in manifest.files.items():
            offset = 0
            while offset < entry.size or offset == 0:
                data: bytes = self._ask("give", name, file, offset)
                files.write_piece(directory, file, offset, data)
                offset, done = offset + len(data), done + len(data)
                hear(("progress", ("save", done, max(total, 1))))
                if not data:
                    break
            files.sync_file(directory, file)
        self.drop(name)

    def send_checkpoint(self, directory: Path) -> str:
        """Sends what `bring` brought here; returns its name there, for `begin_load`."""
        self._send(directory, files.checkpoint_files(directory), "load")
        return "load"

    def drop(self, name: str) -> None:
        """Removes there what was sent."""
        self._ask("drop", name)

    def _send(self, folder: Path, names: dict[str, int], to: str) -> None:
        self._ask("drop", to)
        for name, size in names.items():
            for offset in range(0, max(size, 1), files.PIECE):
                self._ask("receive", to, name, offset, files.read_piece(folder, name, offset))

    def _ask(self, method: str, *arguments: Any) -> Any:
        return self.handle.ask(method, *arguments)

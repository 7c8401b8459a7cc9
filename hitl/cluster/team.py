"""The workers that a policy lives on, asked as one.

Each has the whole policy, or a piece of it. With the whole, the first one samples, inspects and
saves; with a piece all do, for they must go forward together, and what the first one has counts. An
update is everyone's in any case: they divide its rows, and all must come out of it with the same
weights.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hitl.cluster.remote import LOOK_S, Handle, Hear, LostError, Remote
from hitl.cluster.worker import About, Seat
from hitl.config.session import SessionConfig
from hitl.engine import NoRoomError, PeerLostError
from hitl.errors import HitlError
from hitl.manifest import Manifest
from hitl.records import UpdateStats

GRACE_S = 10.0
"""Seconds that the others have to end a call that one of them has failed in. They decide alike, and
fail alike; one that is still at it waits for what will not come."""

Work = tuple[str, tuple[Any, ...]]
"""A method of Worker that begins a call, and its arguments."""


class Team:
    """One worker or more. Raises LostError, and must be ended then."""

    def __init__(self, handles: Sequence[Handle], *, in_pieces: bool = False) -> None:
        """`in_pieces` says how they are to have the policy."""
        self._handles = tuple(handles)
        self._all = [Remote(handle) for handle in handles]
        self._first = self._all[0]
        self._in_pieces = in_pieces
        self._asked = self._all if in_pieces else self._all[:1]
        """Who has a part in what is no update."""

    def ready(self, seconds: float) -> bool:
        """Whether all run; see Handle, whose time is each one's."""
        return all(handle.ready(seconds) for handle in self._handles)

    def about(self, packages: Sequence[str]) -> list[About]:
        """Who they are, the first one first."""
        return [worker.about(packages) for worker in self._all]

    def build(
        self, source: Path | str, config: SessionConfig, hear: Hear, rows: int | None = None
    ) -> None:
        """Has them load the base policy, and find each other. `rows` completions go forward at
        once, if not as many as the config says."""
        seats = self._seats(rows)
        self._together(
            [
                ("begin_build", (*worker.send_base(source), config, seat))
                for worker, seat in zip(self._all, seats, strict=True)
            ],
            hear,
        )

    def call(self, method: str, *arguments: Any, hear: Hear) -> Any:
        """What the first one's engine returns or raises."""
        return self._together([("begin", (method, arguments)) for _ in self._asked], hear)[0]

    def update(self, *arguments: Any, hear: Hear) -> UpdateStats:
        """What their engines return or raise of an update."""
        every: list[UpdateStats] = self._together(
            [("begin", ("update", arguments)) for _ in self._all], hear
        )
        if len({stats.digest for stats in every}) > 1:
            self.end()
            raise HitlError(
                f"the workers came out of update {every[0].number} with different weights: they "
                "must run on machines of one kind with the same libraries; give fewer --workers"
            )
        return every[0]

    def save(self, directory: Path, hear: Hear) -> Manifest:
        """Has them save, and brings the files here; they are on disk then."""
        manifest: Manifest
        manifest, *_ = self._together([("begin_save", ("save",)) for _ in self._asked], hear)
        self._first.bring("save", manifest, directory, hear)
        return manifest

    def load(self, directory: Path, hear: Hear) -> int:
        """Sends them what `save` brought here, and has them take it up; returns the version."""
        names = [worker.send_checkpoint(directory) for worker in self._all]
        versions = self._together([("begin_load", (name,)) for name in names], hear)
        for worker, name in zip(self._all, names, strict=True):
            worker.drop(name)
        version: int = versions[0]
        return version

    def end(self) -> None:
        """Ends them at once."""
        for handle in self._handles:
            handle.end()

    def close(self) -> None:
        """Ends them when they have put their things away."""
        for handle in self._handles:
            handle.close()

    def _seats(self, rows: int | None) -> list[Seat | None]:
        if len(self._all) == 1:
            return [None]
        addresses = [handle.address() for handle in self._handles]
        meeting = (addresses[0], self._first.listen(addresses[0]))
        return [
            Seat(rank, len(addresses), address, meeting, self._in_pieces, rows)
            for rank, address in enumerate(addresses)
        ]

    def _together(self, works: Sequence[Work], hear: Hear) -> list[Any]:
        """What the work of each of the first workers returns. The first one's news is heard, it is
        everyone's."""
        for worker, (begin, arguments) in zip(self._all, works, strict=False):
            worker.begin(begin, *arguments)
        values: dict[int, Any] = {}
        failed: Exception | None = None
        until = float("inf")
        left = set(range(len(works)))
        while left and time.monotonic() < until:
            seconds = LOOK_S  # the first of those that are left is waited for, the others not
            for rank in sorted(left):
                look = self._all[rank].look(seconds)
                seconds = 0.0
                if rank == 0:
                    for told in look.told:
                        hear(told)
                if look.done:
                    left.remove(rank)
                    values[rank] = look.value
                if look.error is not None and failed is None:
                    failed, until = look.error, time.monotonic() + GRACE_S
                if isinstance(look.error, PeerLostError):
                    raise LostError(str(look.error))
                if isinstance(look.error, NoRoomError):
                    self.end()  # the others wait for it, inside a layer
                    raise look.error
        if failed is not None:
            if left or (self._in_pieces and not isinstance(failed, HitlError)):
                self.end()
            raise failed
        return [values[rank] for rank in range(len(works))]

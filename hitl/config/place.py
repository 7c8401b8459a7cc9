"""Where the policy lives while a run is open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hitl.config.checks import at_least
from hitl.errors import UsageError


@dataclass(frozen=True, slots=True)
class Place:
    """No option of a run: one that was begun here may go on elsewhere."""

    engine: Literal["local", "ray"] = "local"
    """Who samples and learns: local is this process, ray an actor on a Ray cluster (needs
    Ray, pip install ray). Run folder and journal stay here."""
    ray_address: str | None = None
    """The Ray cluster: HOST:PORT of its head, ray://HOST:PORT from a machine outside of it, or auto
    for the one this machine is part of. Default: one of our own, reached from this machine only."""

    workers: int = 1
    """With --engine ray: actors that divide an update among them, each with the whole policy, and
    with a GPU of its own where the cluster has some."""

    shard: bool = False
    """With --workers 2 or more: each has a piece of the policy only, and so of what it needs to
    learn; a layer is put together where it is called. For a policy that no single card has room
    for."""

    def __post_init__(self) -> None:
        at_least("--workers", self.workers, 1)
        if self.workers > 1 and self.engine != "ray":
            raise UsageError(f"--workers {self.workers} needs --engine ray")
        if self.shard and self.workers < 2:
            raise UsageError("--shard needs --engine ray and --workers of 2 or more for the pieces")
        if self.ray_address is None:
            return
        if self.engine != "ray":
            raise UsageError(f"--ray-address {self.ray_address} needs --engine ray")
        if not self.ray_address.strip():
            raise UsageError("--ray-address is empty: give HOST:PORT, ray://HOST:PORT or auto")


HERE = Place()
"""In this process."""

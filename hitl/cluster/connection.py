"""The Ray cluster: one that is there, or one of our own on this machine."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray looks at it when it is imported

import ray

from hitl.cluster.worker import Worker
from hitl.errors import HitlError, UsageError

OBJECT_STORE = 100_000_000
"""Bytes of shared memory for an instance of our own: some pieces of a folder at a time."""

LOOPBACK = "127.0.0.1"
_SETUP = threading.Lock()


@dataclass(frozen=True)
class Connection:
    """A cluster that this process can ask."""

    where: str
    """For sentences."""
    ours: bool
    """Whether this process opened it, and is to close it."""

    @property
    def gpus(self) -> float:
        """All of the cluster's, free or not."""
        return float(ray.cluster_resources().get("GPU", 0.0))

    def start(self, gpus: int) -> Any:
        """A new worker, as soon as a node has room for it; returns its handle at once."""
        # One processor is what it waits for; how many threads compute is the run's own number.
        return ray.remote(Worker).options(num_cpus=1, num_gpus=gpus, max_restarts=0).remote()

    def close(self) -> None:
        """Ends an instance of our own, or leaves the cluster."""
        if self.ours:
            ray.shutdown()


def connect(address: str | None) -> Connection:
    """Joins the cluster at `address`, or starts one on this machine. A connection that this process
    has already is used as it is.

    Raises HitlError when nobody answers there.
    """
    with _SETUP:
        if ray.is_initialized():
            return Connection("the Ray cluster", ours=False)
        # Their words would go over the screen; what goes wrong is said by us.
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
        try:
            with _undisturbed():
                if address is None:
                    _start_here(quiet)
                    return Connection("Ray on this machine", ours=True)
                ray.init(address=address, **quiet)
        except (ConnectionError, OSError, RuntimeError, ValueError, TimeoutError) as error:
            if address is None:
                raise HitlError(f"Ray does not start on this machine ({_line(error)})") from error
            raise UsageError(
                f"--ray-address {address}: no Ray cluster can be used there ({_line(error)}); "
                "`ray status` on its head says whether it is up"
            ) from error
        return Connection(f"the Ray cluster at {address}", ours=True)


def _start_here(quiet: dict[str, Any]) -> None:
    """Raises RuntimeError when it cannot be had for this machine alone: whoever reaches Ray's ports
    can run what they like here."""
    from ray._private import ray_constants

    # Ray takes the loopback address for that of some other interface, and listens there, unless it
    # believes that clusters are not supported here, as on Windows and macOS.
    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        ray.init(
            address="local",
            include_dashboard=False,
            object_store_memory=OBJECT_STORE,
            _node_ip_address=LOOPBACK,
            **quiet,
        )
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before
    if any(node["NodeManagerAddress"] != LOOPBACK for node in ray.nodes()):
        ray.shutdown()
        raise RuntimeError(f"it would listen elsewhere than on {LOOPBACK}")


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Processes that are started here do not hear Ctrl+C or the terminal's end: the policy is still
    to be saved then. They inherit what this thread does not hear."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[0].rstrip(". ")

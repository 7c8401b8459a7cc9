"""The Ray cluster: one that is there, or one of our own on this machine."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray looks at it when it is imported

import ray
import ray.exceptions as broken

from hitl.cluster.remote import LostError
from hitl.cluster.worker import Worker
from hitl.errors import HitlError, UsageError

OBJECT_STORE = 100_000_000
"""Bytes of shared memory for an instance of our own: some pieces of a folder at a time."""

CLOSE_S = 10.0
"""Seconds that a worker has to end by itself."""
LOOPBACK = "127.0.0.1"
_SETUP = threading.Lock()
_SIGACTION = 512
"""Bytes: room for a `struct sigaction` of any system."""


class Actor:
    """A worker in a Ray actor; implements remote.Handle."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def ready(self, seconds: float) -> bool:
        """See Handle. Without a node that has room for it, it waits for one."""
        with _answering():
            asked = self._actor.about.remote(())
            if not ray.wait([asked], timeout=seconds)[0]:
                return False
            ray.get(asked)
            return True

    def address(self) -> str:
        """See Handle."""
        with _answering():
            return str(ray.get(self._actor.__ray_call__.remote(_node_address)))

    def ask(self, method: str, *arguments: Any) -> Any:
        """See Handle."""
        with _answering():
            return ray.get(getattr(self._actor, method).remote(*arguments))

    def end(self) -> None:
        """See Handle."""
        with contextlib.suppress(Exception):  # it may be gone, and Ray too
            ray.kill(self._actor)

    def close(self) -> None:
        """See Handle."""
        with contextlib.suppress(Exception):
            ray.wait([self._actor.close.remote()], timeout=CLOSE_S)
        self.end()


@dataclass(frozen=True)
class RayCluster:
    """A cluster that this process can ask; implements engine.Cluster."""

    where: str
    """For sentences."""
    ours: bool
    """Whether this process opened it, and is to close it."""

    @property
    def gpus(self) -> float:
        """See Cluster."""
        return float(ray.cluster_resources().get("GPU", 0.0))

    @property
    def processors(self) -> float:
        """See Cluster."""
        return float(ray.cluster_resources().get("CPU", 0.0))

    def start(self, gpus: int) -> Actor:
        """See Cluster."""
        # One processor is what it waits for; how many threads compute is the run's own number.
        options = {"num_cpus": 1, "num_gpus": gpus, "max_restarts": 0}
        with _answering():
            return Actor(ray.remote(Worker).options(**options).remote())

    def close(self) -> None:
        """Ends an instance of our own, or leaves the cluster."""
        if self.ours:
            ray.shutdown()


def _node_address(worker: Worker) -> str:
    return str(ray.util.get_node_ip_address())


def connect(address: str | None) -> RayCluster:
    """Joins the cluster at `address`, or starts one on this machine. A connection that this process
    has already is used as it is.

    Raises HitlError when nobody answers there.
    """
    with _SETUP:
        if ray.is_initialized():
            return RayCluster("the Ray cluster", ours=False)
        # Their words would go over the screen; what goes wrong is said by us.
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
        try:
            with _undisturbed():
                if address is None:
                    _start_here(quiet)
                    return RayCluster("Ray on this machine", ours=True)
                ray.init(address=address, **quiet)
        except (ConnectionError, OSError, RuntimeError, ValueError, TimeoutError) as error:
            if address is None:
                raise HitlError(f"Ray does not start on this machine ({_line(error)})") from error
            raise UsageError(
                f"--ray-address {address}: no Ray cluster can be used there ({_line(error)}); "
                "`ray status` says whether it is up from here; one that asks for a token needs "
                "RAY_AUTH_MODE=token and the token on this machine too"
            ) from error
        return RayCluster(f"the Ray cluster at {address}", ours=True)


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
    to be saved then. They inherit what this thread does not hear. And this process goes on hearing
    SIGTERM as it did."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    # Ray sets a handler of its own below Python's, which ends the process and saves nothing. Python
    # cannot put one back from this thread.
    libc, handler = ctypes.CDLL(None), ctypes.create_string_buffer(_SIGACTION)
    libc.sigaction(int(signal.SIGTERM), None, handler)
    try:
        yield
    finally:
        libc.sigaction(int(signal.SIGTERM), handler, None)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _answering() -> Iterator[None]:
    """Raises LostError for what says that no answer can come."""
    try:
        yield
    except broken.RayTaskError:  # it answered: with an error of its own
        raise
    except broken.RayActorError as error:
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


def _line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[0].rstrip(". ")

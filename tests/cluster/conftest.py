"""A cluster on this machine: a head that runs nothing, and a node for the policy."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from hitl.config.session import SessionConfig
from tests.faults.policy import write_policy, write_prompts

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")


class Nodes:
    """The node that has the policy, and what can befall it."""

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster
        self._node = self._add()
        self._spare: Any = None

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    def add_spare(self) -> None:
        """One more node joins; the policy stays where it is."""
        self._spare = self._add()

    def lose(self) -> None:
        """The policy's node is gone at once, as if its plug were pulled."""
        lost, self._node = self._node, self._spare
        worker = the_worker()
        self._cluster.remove_node(lost, allow_graceful=False)
        with contextlib.suppress(psutil.NoSuchProcess):
            worker.kill()  # it outlives its node for a while, and could end what it is at

    def _add(self) -> Any:
        return self._cluster.add_node(num_cpus=1, num_gpus=0, object_store_memory=80_000_000)


def workers() -> list[psutil.Process]:
    """The policy's processes, among those that this one has started."""
    return [process for process in psutil.Process().children(recursive=True) if _works(process)]


def _works(process: psutil.Process) -> bool:
    try:
        names = process.name(), " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # another one, which has ended since they were listed
        return False
    return names[0].startswith("ray::Worker") or "ray::Worker" in names[1]


def the_worker() -> psutil.Process:
    """The only one."""
    [worker] = workers()
    return worker


def kill_worker() -> None:
    the_worker().kill()


@pytest.fixture(scope="package")
def nodes() -> Iterator[Nodes]:
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 0, "object_store_memory": 80_000_000, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.CRITICAL)
    yield Nodes(cluster)
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture(scope="package")
def room(nodes: Nodes) -> Nodes:
    """With a node for each of two workers."""
    nodes.add_spare()
    return nodes


@pytest.fixture(scope="package")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_policy(tmp_path_factory.mktemp("policy"))


@pytest.fixture(scope="package")
def config(policy: Path, tmp_path_factory: pytest.TempPathFactory) -> SessionConfig:
    return SessionConfig(
        policy=str(policy),
        prompts=str(write_prompts(tmp_path_factory.mktemp("prompts"))),
        lang="en",
        group_size=2,
        batch_size=4,
        max_new_tokens=4,
        threads=1,
        device="cpu",
        seed=1,
    )


class Once:
    """Lets something happen at the first step of one stage, once it is armed."""

    def __init__(self) -> None:
        self._stage: str | None = None
        self._happen: Callable[[], None] = lambda: None

    def arm(self, stage: str, happen: Callable[[], None]) -> None:
        self._stage, self._happen = stage, happen

    def heard(self, stage: str) -> None:
        if stage == self._stage:
            self._stage = None
            self._happen()

"""Several shares of an update, in threads of one process: the sums are gloo's."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
import torch.distributed as dist

from hitl.learn.join import gloo
from hitl.learn.share import Share

T = TypeVar("T")
CPU = torch.device("cpu")


def together(size: int, work: Callable[[Share], T]) -> list[T]:
    """What `work` gives each share."""
    store = dist.HashStore()

    def part(rank: int) -> T:
        return work(Share(rank, size, CPU, gloo(store, rank, size, "127.0.0.1")))

    with ThreadPoolExecutor(size) as pool:
        return [done.result(60) for done in [pool.submit(part, rank) for rank in range(size)]]

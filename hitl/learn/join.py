"""Several processes at one update, found through torch.distributed."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import torch
import torch.distributed
from torch import Tensor

from hitl.engine import PeerLostError
from hitl.learn.share import Share

dist: Any = torch.distributed  # its types lack half of what is used here

FIND_S = 300.0
"""Seconds until all must have come."""
PATIENCE_S = 1800.0
"""Seconds that one waits for the others' part of a sum. A process that has ended is noticed at
once; this is for one that stands still."""


def joined(
    rank: int,
    size: int,
    address: str,
    meeting: tuple[str, int],
    listener: int | None,
    device: torch.device,
) -> Share:
    """A share of `size`, when all are there. `address` is this process's, the only one it listens
    on; `meeting` is where the first one listens, which gives its open socket as `listener`.

    Raises PeerLostError when they do not come.
    """
    host, port = meeting
    try:
        # Without a socket of ours it would listen on every address of the machine.
        store = dist.TCPStore(
            host,
            port,
            size,
            is_master=listener is not None,
            timeout=timedelta(seconds=FIND_S),
            master_listen_fd=listener,
        )
        make = _nccl if device.type == "cuda" else gloo
        return Share(rank, size, device, heard(make(store, rank, size, address)))
    except RuntimeError as error:
        raise PeerLostError(f"the workers did not find each other ({_line(error)})") from error


def gloo(store: Any, rank: int, size: int, address: str) -> Callable[[Tensor], None]:
    """Sums of tensors on the CPU, between processes that listen on `address`. `store` is
    a torch.distributed.Store that all of them can reach."""
    options = dist.ProcessGroupGloo._Options()
    options._devices = [dist.ProcessGroupGloo.create_device(hostname=address)]
    options._timeout = timedelta(seconds=PATIENCE_S)
    group = dist.ProcessGroupGloo(store, rank, size, options)

    def add_up(tensor: Tensor) -> None:
        group.allreduce([tensor]).wait()

    return add_up


def _nccl(store: Any, rank: int, size: int, address: str) -> Callable[[Tensor], None]:
    if address.startswith("127."):
        os.environ.setdefault("NCCL_SOCKET_IFNAME", "lo")
    dist.init_process_group(
        "nccl", store=store, rank=rank, world_size=size, timeout=timedelta(seconds=PATIENCE_S)
    )

    def add_up(tensor: Tensor) -> None:
        dist.all_reduce(tensor)
        torch.cuda.current_stream().synchronize()

    return add_up


def heard(add_up: Callable[[Tensor], None]) -> Callable[[Tensor], None]:
    """The same, with the loss of another process said as such."""

    def add(tensor: Tensor) -> None:
        try:
            add_up(tensor)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            raise PeerLostError(f"another worker is gone ({_line(error)})") from error

    return add


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200].rstrip(". ")

"""Several processes at one update, found through torch.distributed."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import torch
import torch.distributed
from torch import Tensor
from torch.distributed.device_mesh import DeviceMesh

from hitl.engine import PeerLostError
from hitl.errors import HitlError
from hitl.learn.share import Share
from hitl.learn.spare import give_back_always

dist: Any = torch.distributed  # its types lack half of what is used here

FIND_S = 300.0
"""Seconds until all must have come."""
GLOO_AT_ADDRESS = "gloo_at_address"
"""Name of a backend that listens at one address only."""
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
    *,
    in_pieces: bool = False,
) -> Share:
    """A share of `size`, when all are there. `address` is this process's, the only one it listens
    on; `meeting` is where the first one listens, which gives its open socket as `listener`. With
    `in_pieces` they have a mesh, over which a policy can be cut.

    Raises PeerLostError when they do not come.
    """
    host, port = meeting
    if in_pieces and device.type == "cpu":
        give_back_always()
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
        if device.type != "cuda" and not in_pieces:
            return Share(rank, size, device, heard(gloo(store, rank, size, address)))
        add_up = heard(_group(store, rank, size, address, device))
        mesh = DeviceMesh.from_group(dist.group.WORLD, device.type) if in_pieces else None
        return Share(rank, size, device, add_up, mesh)
    except RuntimeError as error:
        raise PeerLostError(f"the workers did not find each other ({_line(error)})") from error


def gloo(store: Any, rank: int, size: int, address: str) -> Callable[[Tensor], None]:
    """Sums of tensors on the CPU, between processes that listen on `address`. `store` is
    a torch.distributed.Store that all of them can reach."""
    group = _gloo(store, rank, size, address)

    def add_up(tensor: Tensor) -> None:
        group.allreduce([tensor]).wait()

    return add_up


def _gloo(store: Any, rank: int, size: int, address: str) -> Any:
    options = dist.ProcessGroupGloo._Options()
    options._devices = [dist.ProcessGroupGloo.create_device(hostname=address)]
    options._timeout = timedelta(seconds=PATIENCE_S)
    return dist.ProcessGroupGloo(store, rank, size, options)


def _group(
    store: Any, rank: int, size: int, address: str, device: torch.device
) -> Callable[[Tensor], None]:
    """Sums of the default group, of which torch has one a process: nccl's, or on the CPU gloo's."""
    if device.type == "cuda":
        backend = "nccl"
        if address.startswith("127."):
            os.environ.setdefault("NCCL_SOCKET_IFNAME", "lo")
    else:  # torch's own gloo would choose by itself where it listens
        backend = f"cpu:{GLOO_AT_ADDRESS}"
        dist.Backend.register_backend(
            GLOO_AT_ADDRESS,
            lambda store, rank, size, timeout: _gloo(store, rank, size, address),
            devices=["cpu"],
        )
    dist.init_process_group(
        backend, store=store, rank=rank, world_size=size, timeout=timedelta(seconds=PATIENCE_S)
    )

    def add_up(tensor: Tensor) -> None:
        dist.all_reduce(tensor)
        if device.type == "cuda":
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


def in_words(error: BaseException) -> BaseException:
    """What went wrong in a call that others with a piece of the policy have a part in, as an error
    of ours where it is theirs or the memory's."""
    if isinstance(error, torch.OutOfMemoryError):
        return HitlError(
            "memory ran out for a worker with its piece of the policy, where smaller passes do "
            "not help: give more --workers, or a smaller --group-size or --max-new-tokens"
        )
    if isinstance(error, dist.DistError) or "gloo" in str(error):
        return PeerLostError(f"another worker is gone ({_line(error)})")
    return error


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200].rstrip(". ")

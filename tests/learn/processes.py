"""Processes that have a policy in pieces: torch has one group of them for each."""

from __future__ import annotations

import os
import socket
import traceback
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, TypeVar

T = TypeVar("T")
HERE = "127.0.0.1"


def _serve(pipe: Connection, rank: int, size: int, meeting: tuple[str, int]) -> None:
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    import torch

    from hitl.learn.join import joined

    torch.set_num_threads(1)
    pipe.send(None)
    listener = socket.create_server(meeting).detach() if rank == 0 else None
    pipe.recv()
    share = joined(rank, size, HERE, meeting, listener, torch.device("cpu"), in_pieces=True)
    while (asked := pipe.recv()) is not None:
        work, arguments = asked
        try:
            answer = True, work(share, *arguments)
        except Exception:
            answer = False, traceback.format_exc()
        pipe.send(answer)


class Processes:
    """So many, which do the same at the same time."""

    def __init__(self, size: int) -> None:
        with socket.create_server((HERE, 0)) as free:
            meeting: tuple[str, int] = free.getsockname()
        spawn = get_context("spawn")
        self._pipes: list[Connection] = []
        self._processes = []
        for rank in range(size):
            pipe, theirs = spawn.Pipe()
            process = spawn.Process(target=_serve, args=(theirs, rank, size, meeting), daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(pipe)
            self._processes.append(process)
        for pipe in self._pipes:
            pipe.recv()
            pipe.send(None)

    def together(self, work: Callable[..., T], *arguments: Any) -> list[T]:
        """What `work(share, *arguments)`, a function of a module, returns in each."""
        for pipe in self._pipes:
            pipe.send((work, arguments))
        answers = []
        for pipe in self._pipes:
            assert pipe.poll(120), "one waits for the others"
            answers.append(pipe.recv())
        for good, said in answers:
            assert good, said
        return [value for _, value in answers]

    def end(self) -> None:
        for process in self._processes:
            process.kill()
            process.join()

"""One side of a comparison: a process of its own that does a piece of work when it is told to.

Standard library only: it also runs in the environment of the system that is compared with.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


def serve(about: Mapping[str, str], pieces: Mapping[str, Callable[[], None]]) -> None:
    """Says what it is, then reads names of `pieces` from stdin, does each, and says how many
    seconds it took on the wall and of the processor, and what the process held at most meanwhile,
    MB."""
    answers = os.fdopen(int(os.environ["ANSWERS"]), "w")

    def answer(what: Mapping[str, Any]) -> None:
        answers.write(json.dumps(what) + "\n")
        answers.flush()

    answer(about)
    for line in sys.stdin:
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        started, used = time.perf_counter(), time.process_time()
        pieces[line.strip()]()
        wall, processor = time.perf_counter() - started, time.process_time() - used
        answer({"wall": wall, "processor": processor, "peak_mb": _peak()})


def _peak() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


class Side:
    """The other end of `serve`."""

    def __init__(self, command: list[str], threads: int, code: Path) -> None:
        """`code` is the checkout whose hitl it imports, if it imports any."""
        # Not stdout, where libraries print what is no answer.
        reading, writing = os.pipe()
        environment = os.environ | {
            "ANSWERS": str(writing),
            "OMP_NUM_THREADS": str(threads),
            "OMP_WAIT_POLICY": "PASSIVE",
            "CUDA_VISIBLE_DEVICES": "",
            "ACCELERATE_USE_CPU": "true",
            "HF_HUB_OFFLINE": "1",
            "PYTHONWARNINGS": "ignore",
            "PYTHONPATH": str(code),
        }
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=sys.stderr, text=True, env=environment,
            pass_fds=[writing],
        )  # fmt: skip
        os.close(writing)
        self._answers = os.fdopen(reading)
        self.about: dict[str, str] = self._answer()

    def do(self, piece: str) -> dict[str, float]:
        """Seconds and peak of one piece."""
        assert self._process.stdin is not None
        self._process.stdin.write(piece + "\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _answer(self) -> Any:
        line = self._answers.readline()
        if not line:
            raise SystemExit(f"{' '.join(map(str, self._process.args))} ended: see above")
        return json.loads(line)

"""The program as its user starts it: a process of its own, in an empty folder, no hub."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Hitl = Callable[..., subprocess.CompletedProcess[str]]


def environment() -> dict[str, str]:
    """Without a network, without a language of its own, one thread."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG", "HITL"))}
    return kept | {
        "LANG": "C.UTF-8",
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }


@pytest.fixture
def hitl(tmp_path: Path) -> Hitl:
    """Runs `hitl ARGUMENTS` in the test's folder with `typed` as standard input."""
    return runner(tmp_path)


def runner(folder: Path, timeout: float = 240) -> Hitl:
    """The same in any folder, for at most so many seconds."""

    def run(
        *arguments: str, typed: str | bytes = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        data = typed.encode() if isinstance(typed, str) else typed
        done = subprocess.run(
            [sys.executable, "-m", "hitl", *arguments],
            input=data,
            capture_output=True,
            cwd=folder,
            env=environment() | variables,
            timeout=timeout,
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
        )

    return run

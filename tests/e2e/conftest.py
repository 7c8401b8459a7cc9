"""The program as its user starts it: a process of its own, in an empty folder, no hub. Where the
process proves nothing, a command runs in that of the tests, which has its libraries already."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hitl.cli import main

Hitl = Callable[..., subprocess.CompletedProcess[str]]
Told = Callable[..., dict[str, Any]]


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


@pytest.fixture
def told(tmp_path: Path) -> Told:
    """Runs `hitl ARGUMENTS --json` in the test's folder and process; returns what it says."""
    return teller(tmp_path)


def teller(folder: Path) -> Told:
    """The same in any folder. Fails when the command does."""

    def tell(*arguments: str) -> dict[str, Any]:
        code, out, err = inside(folder, *arguments, "--json")
        assert code == 0, err
        found: dict[str, Any] = json.loads(out.splitlines()[-1])
        return found

    return tell


def inside(folder: Path, *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and error of a command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = main(list(arguments))
    return code, out.getvalue(), err.getvalue()

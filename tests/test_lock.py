"""One process a run."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import hitl
from hitl.lock import LockError, RunLock, holder

ROOT = Path(hitl.__file__).parents[1]
CHILD = """
import sys, time
from pathlib import Path
from hitl.lock import RunLock
with RunLock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "zh-01"
    folder.mkdir()
    return folder


def start(run: Path) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(run)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None and child.stdout.readline() == "held\n"
    return child


def test_a_second_process_is_told_who_has_it_and_kill_frees_it(run: Path) -> None:
    child = start(run)
    try:
        with pytest.raises(LockError) as caught:
            RunLock(run)
        sentence = str(caught.value)
        assert sentence.startswith(
            f"run zh-01 is open in process {child.pid} on {socket.gethostname()} since 20"
        )
        assert sentence.endswith(": quit it there, or choose another run")
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        assert child.stdout is not None
        child.stdout.close()
    assert holder(run) is not None, "the dead could not tidy up"
    with RunLock(run):
        who = holder(run)
        assert who is not None and who.pid == os.getpid()
    assert holder(run) is None


def test_twice_in_one_process(run: Path) -> None:
    first = RunLock(run)
    with pytest.raises(LockError, match=f"process {os.getpid()}"):
        RunLock(run)
    first.release()
    first.release()
    RunLock(run).release()


def test_the_failed_attempt_leaves_the_holder_alone(run: Path) -> None:
    with RunLock(run):
        before = (run / "lock").read_bytes()
        with pytest.raises(LockError):
            RunLock(run)
        assert (run / "lock").read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": "x"}', b"\xff"])
def test_an_unreadable_lock_file_is_no_obstacle(run: Path, content: bytes) -> None:
    (run / "lock").write_bytes(content)
    assert holder(run) is None
    with RunLock(run):
        (run / "lock").write_bytes(content)
        with pytest.raises(LockError, match="open in another process"):
            RunLock(run)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(LockError, match=r"run gone cannot be locked: .*gone/lock: it must be"):
        RunLock(tmp_path / "gone")

"""A process that has connected to Ray hears SIGTERM as it did before."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("ray")

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(300)]

# As in a session: the handler is the main thread's, the connection the engine's.
SCRIPT = """
import os, signal, threading
from hitl.cluster.connection import connect
heard = []
signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
cluster = []
thread = threading.Thread(target=lambda: cluster.append(connect(None)))
thread.start()
thread.join()
os.kill(os.getpid(), signal.SIGTERM)
print("heard", heard, flush=True)
cluster[0].close()
"""


def test_sigterm_still_reaches_the_session_so_that_it_saves() -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    # Not the exit status: on a busy machine Ray's own shutdown may find its server gone, and say 1.
    assert done.stdout == "heard [15]\n", done.stderr

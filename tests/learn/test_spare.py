"""What is freed goes back to the system."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

HELD = """
import torch
from pathlib import Path
from hitl.learn.spare import WORTH, give_back

def held():
    return int(Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0]) // 1024

matrices = [torch.ones(1 << 20) for _ in range(200)]
policy = torch.empty(WORTH // 4)
full = held()
del matrices[::2]  # each has another above it: the heap cannot shrink from its end
freed = held()
give_back([policy[:1000]])
asked_for_little = held()
give_back([policy])
print(full, freed, asked_for_little, held())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_matrices_that_were_freed_are_held_no_more() -> None:
    # Above this many bytes glibc asks for memory of its own. It raises the number itself as such
    # memory is freed; here it is set, so that the test begins where an update ends.
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": str(1 << 25)}
    command = [sys.executable, "-c", HELD]
    root = Path(__file__).parents[2]
    said = subprocess.run(
        command, env=environment, cwd=root, capture_output=True, text=True, check=True
    )
    full, freed, asked_for_little, left = map(int, said.stdout.split())
    assert full - freed < 50, "the C library kept them"
    assert full - asked_for_little < 50, "not worth it for a policy of this size"
    assert full - left > 350

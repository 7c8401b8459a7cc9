"""Named places where a test may kill the process, to prove that nothing acknowledged is lost.

`HITL_FAULT=journal:before-commit` kills at the first arrival there, `HITL_FAULT=NAME*3` at the
third. Without the variable a point costs one look into the environment.
"""

from __future__ import annotations

import os
import signal

VARIABLE = "HITL_FAULT"


def reach(name: str) -> None:
    """Ends the process with SIGKILL when the environment says so; else does nothing."""
    asked = os.environ.get(VARIABLE)
    if asked is None:
        return
    wanted, _, count = asked.partition("*")
    if wanted != name:
        return
    left = int(count or "1")
    if left > 1:
        # The count lives in the environment, so that this module keeps no state of its own.
        os.environ[VARIABLE] = f"{wanted}*{left - 1}"
        return
    os.kill(os.getpid(), signal.SIGKILL)

"""What the driver is asked to do: everything here runs in a fork that may load a model."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hitl.faultpoints import VARIABLE

from .command import hitl
from .killing import kill_and_finish, replayed
from .plans import Kill
from .policy import write_policy, write_prompts
from .stint import Case


def furnish(folder: str) -> None:
    """A policy and prompts for the cases in `folder`."""
    write_policy(Path(folder))
    write_prompts(Path(folder))


def case_in(folder: str, name: str, **options: Any) -> Case:
    """A case of its own in a folder that was furnished."""
    shop = Path(folder)
    (shop / name).mkdir(exist_ok=True)
    return Case(shop / name, shop / "policy", shop / "prompts.txt", **options)


def killed(
    folder: str, name: str, kills: Sequence[Kill], mood: int, **options: Any
) -> dict[str, Any]:
    """A whole run by plan; with groups ahead, whose weights hang on timing, also its replay."""
    case = case_in(folder, name, **options)
    started = time.monotonic()
    outcome = kill_and_finish(case, kills, mood)
    answer = dataclasses.asdict(outcome) | {"seconds": time.monotonic() - started}
    if case.ahead:
        answer["replayed"] = replayed(case)
    return answer


def killed_command(folder: str, fault: str, words: Sequence[str], typed: Sequence[str]) -> int:
    """How `hitl WORDS` ends that is to be killed at a fault point."""
    process = os.fork()
    if process == 0:
        os.environ[VARIABLE] = fault
        try:
            hitl(folder, words, typed)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])

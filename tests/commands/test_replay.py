"""A run whose policy is made again from its journal."""

from __future__ import annotations

import contextlib
import errno
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from hitl.checkpoints import CheckpointError, Checkpoints
from hitl.config.commands import Replay
from hitl.engine import EngineThread
from hitl.manifest import Manifest
from hitl.open_run import Held
from hitl.rundir import RunDir

from ..fakes import FakeEngine, held
from ..stints import BAD, CONFIG, GOOD, Stint

MODULE = importlib.import_module("hitl.commands.replay")


class Full(FakeEngine):
    def save(self, directory: Path) -> Manifest:
        raise OSError(errno.ENOSPC, "No space left on device")


def repair(stint: Stint, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> int:
    @contextlib.contextmanager
    def opened(*given: object) -> Iterator[Held]:
        thread = EngineThread(lambda: engine)
        yield held(stint.folder, stint.journal, thread, CONFIG)
        thread.close()

    RunDir.create(stint.folder / "runs", "a", {})
    monkeypatch.setattr(MODULE, "opened", opened)
    command = Replay(run="a", root=str(stint.folder / "runs"), repair=True, json=True)
    code: int = MODULE.replay(command)
    return code


def test_a_repair_writes_the_checkpoint_anew_and_leaves_no_other(
    stint: Stint, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, engine = stint(*[GOOD, BAD] * 3)
    steps = Checkpoints(stint.folder / "steps")
    before = (steps.path(3) / "state.json").stat().st_ino
    assert repair(stint, FakeEngine(), monkeypatch) == 0
    assert steps.versions() == [3]
    assert (steps.path(3) / "state.json").stat().st_ino != before
    _, again = stint()
    assert again.weights == engine.weights


def test_a_repair_on_a_full_disk_leaves_what_there_is(
    stint: Stint, monkeypatch: pytest.MonkeyPatch
) -> None:
    stint(*[GOOD, BAD] * 3)
    steps = Checkpoints(stint.folder / "steps")
    before = steps.versions()
    with pytest.raises(CheckpointError, match="No space left"):
        repair(stint, Full(), monkeypatch)
    assert steps.versions() == before == [2, 3]

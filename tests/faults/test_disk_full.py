"""A disk that is really full: a small tmpfs, or where none may be mounted a limit on file sizes."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hitl.journal import Journal

from .command import LINES, state
from .conftest import Bench


@contextmanager
def tmpfs(place: Path) -> Iterator[None]:
    """A file system of 3 MB at an empty folder."""
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip(
            "no file system may be mounted here: test_checkpoints limits file sizes instead, and "
            "test_journal_file the pages of the journal"
        )
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def small_disk(bench: Bench, tmp_path: Path) -> Iterator[Bench]:
    """The run on a small file system."""
    place = tmp_path / "disk"
    place.mkdir()
    with tmpfs(place):
        yield bench.copy(place / "bench")


@pytest.fixture
def small_steps(bench: Bench) -> Iterator[Bench]:
    """The checkpoints of the run alone on a small file system."""
    aside = bench.steps.rename(bench.folder / "steps")
    bench.steps.mkdir()
    with tmpfs(bench.steps):
        shutil.copytree(aside, bench.steps, dirs_exist_ok=True)
        yield bench


def fill(folder: Path, but: int) -> Path:
    """Leaves `but` bytes free there."""
    ballast = folder / "ballast"
    free = os.statvfs(folder)
    with ballast.open("wb") as stream:
        stream.write(bytes(max(free.f_bavail * free.f_frsize - but, 0)))
    return ballast


def labels(bench: Bench) -> int:
    with Journal.open(bench.run / "journal.db", readonly=True) as journal:
        return journal.totals().labels


@pytest.mark.parametrize(
    "kib", [*(0, 60, 140), *(pytest.param(k, marks=pytest.mark.thorough) for k in (40, 100, 240))]
)
def test_whenever_it_is_full_the_old_state_is_intact_and_it_goes_on_after(
    small_disk: Bench, six_updates: str, kib: int
) -> None:
    """From no room for anything, over a label or two, to a save that does not fit."""
    ballast = fill(small_disk.folder, kib * 1024)
    before = labels(small_disk)
    done = small_disk.hitl_elsewhere("resume", "a", "--plain", typed=LINES[8:])
    said = done["out"] + done["err"]
    assert "Traceback" not in said and "please report" not in said
    kept = labels(small_disk) - before
    assert kept == done["out"].count("kept 2 labels") * 2, "acknowledged is kept, and only that"
    if kept < 8 or "could not be written" in said:
        assert "room" in said, said
        assert done["code"] in (0, 1)
        assert len(done["err"].strip().splitlines()) <= 1
    ballast.unlink()

    rest = LINES[8 + kept // 2 :]
    done = small_disk.hitl_elsewhere("resume", "a", "--plain", typed=rest)
    assert done["code"] == 0, done["err"]
    assert state(str(small_disk.folder)) == {"version": 6, "digest": six_updates}
    verdict = small_disk.hitl_elsewhere("replay", "a", "--json")
    assert verdict["code"] == 0, verdict


def test_without_room_for_a_checkpoint_the_session_goes_on(
    small_steps: Bench, six_updates: str
) -> None:
    ballast = fill(small_steps.steps, 20 * 1024)
    done = small_steps.hitl("resume", "a", "--plain", typed=LINES[8:])
    assert done["code"] == 0
    assert "error: checkpoint 5 could not be written" in done["out"], done
    assert "make room there; the checkpoints before it are untouched" in done["out"]
    assert "update 6: " in done["out"], "without a checkpoint, but with all labels"
    kept = sorted(p.name for p in small_steps.steps.iterdir())
    assert kept == ["000003", "000004", "ballast"]
    ballast.unlink()
    again = small_steps.hitl("resume", "a", "--plain")
    assert again["out"].count("again from the journal") == 2
    assert state(str(small_steps.folder)) == {"version": 6, "digest": six_updates}


def test_no_room_for_a_new_run_leaves_none(small_disk: Bench, shop: Path) -> None:
    ballast = fill(small_disk.folder, 8 * 1024)
    done = small_disk.hitl_elsewhere(
        "train", "--plain", "--run", "b", "--policy", f"{shop}/policy", typed=LINES[:1]
    )
    assert done["code"] == 1 and ("o space" in done["err"] or "disk is full" in done["err"])
    assert len(done["err"].strip().splitlines()) == 1
    assert not [p for p in small_disk.run.parent.iterdir() if p.name != "a"]
    ballast.unlink()

"""A disk that is really full: a small tmpfs, or where none may be mounted a limit on file sizes."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hitl.journal import Journal

from .command import LINES, state
from .conftest import Bench


@pytest.fixture
def small_disk(bench: Bench, tmp_path: Path) -> Iterator[Bench]:
    """The run on a file system of 3 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)],
        capture_output=True, text=True,
    ) if shutil.which("mount") else None  # fmt: skip
    if mounted is None or mounted.returncode != 0:
        pytest.skip("no file system may be mounted here; test_checkpoints limits file sizes, and "
                    "test_journal_file limits pages")  # fmt: skip
    try:
        yield bench.copy(place / "bench")
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(bench: Bench, but: int) -> Path:
    """Leaves `but` bytes free."""
    ballast = bench.folder.parent / "ballast"
    free = os.statvfs(bench.folder)
    with ballast.open("wb") as stream:
        stream.write(bytes(max(free.f_bavail * free.f_frsize - but, 0)))
    return ballast


def labels(bench: Bench) -> int:
    with Journal.open(bench.run / "journal.db", readonly=True) as journal:
        return journal.totals().labels


@pytest.mark.parametrize("kib", [0, 40, 60, 80, 100, 140, 180, 240])
def test_whenever_it_is_full_the_old_state_is_intact_and_it_goes_on_after(
    small_disk: Bench, six_updates: str, kib: int
) -> None:
    """From no room for anything, over a label or two, to a save that does not fit."""
    ballast = fill(small_disk, kib * 1024)
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


def test_a_disk_that_fills_up_during_the_save(small_disk: Bench, six_updates: str) -> None:
    """Room for the labels and the update's row, none for the checkpoint: the session goes on."""
    ballast = fill(small_disk, 0)
    with Journal.open(small_disk.run / "journal.db") as journal:
        assert journal.last_update() == 4
    ballast.write_bytes(bytes(ballast.stat().st_size - 170 * 1024))
    done = small_disk.hitl_elsewhere("resume", "a", "--plain", typed=LINES[8:])
    assert "checkpoint 5 could not be written" in done["out"], done
    assert "make room there; the checkpoints before it are untouched" in done["out"]
    assert "update 6: " in done["out"], "without a checkpoint, but with all labels"
    assert done["code"] == 0
    assert sorted(p.name for p in small_disk.steps.iterdir()) == ["000003", "000004"]
    ballast.unlink()
    again = small_disk.hitl_elsewhere("resume", "a", "--plain")
    assert again["out"].count("again from the journal") == 2
    assert state(str(small_disk.folder)) == {"version": 6, "digest": six_updates}


def test_no_room_for_a_new_run_leaves_none(small_disk: Bench, shop: Path) -> None:
    ballast = fill(small_disk, 8 * 1024)
    done = small_disk.hitl_elsewhere(
        "train", "--plain", "--run", "b", "--policy", f"{shop}/policy", typed=LINES[:1]
    )
    assert done["code"] == 1 and "o space" in done["err"]
    assert len(done["err"].strip().splitlines()) == 1
    assert not [p for p in small_disk.run.parent.iterdir() if p.name != "a"]
    ballast.unlink()

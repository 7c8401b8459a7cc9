"""A checkpoint is there as it was written or not at all, and one intact is never given up."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

import hitl
from hitl.checkpoints import (
    CheckpointError,
    Checkpoints,
    checkpoint_age,
    checkpoint_problem,
    newest_checkpoint,
)
from hitl.manifest import FILE_NAME, FileEntry, Manifest

ROOT = Path(hitl.__file__).parents[1]


def saver(version: int) -> Callable[[Path], Manifest]:
    """What an engine does."""

    def save(directory: Path) -> Manifest:
        (directory / "policy").mkdir()
        (directory / "policy" / "model.safetensors").write_bytes(bytes([version % 256]) * 5000)
        (directory / "state.json").write_text(f'{{"version": {version}}}')
        return Manifest.of(directory)

    return save


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def silent(path: Path, reason: str) -> None:
    raise AssertionError(f"{path} was skipped: {reason}")


def newest(checkpoints: Checkpoints) -> tuple[int | None, list[str]]:
    skipped: list[str] = []
    found = checkpoints.newest_intact(lambda path, why: skipped.append(f"{path.name}: {why}"))
    return (found[0] if found else None), skipped


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    return tmp_path / "steps"


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="asks Linux what a descriptor is of")
def test_everything_is_on_disk_before_what_says_so(
    steps: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files, then the manifest, then the folder they lie in, then its name, then the folder of the
    names: in any other order a power cut could leave a checkpoint that is none."""
    checkpoints = Checkpoints(steps)
    done: list[str] = []
    fsync, replace = os.fsync, os.replace

    def synced(descriptor: int) -> None:
        name = os.path.relpath(os.readlink(f"/proc/self/fd/{descriptor}"), steps)
        done.append(
            "/".join("new" if part.startswith(".tmp") else part for part in name.split("/"))
        )
        fsync(descriptor)

    def renamed(old: Path, new: Path) -> None:
        done.append(f"rename to {new.name}")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    checkpoints.commit(7, saver(7))
    files = ["new/policy/model.safetensors", "new/policy", "new/state.json", "new"]
    assert sorted(done[: len(files)]) == sorted(files)
    assert done[len(files) :] == ["new/manifest.json", "new", "rename to 000007", "."]


def test_age_of_the_newest(steps: Path) -> None:
    assert checkpoint_age(steps, 9) is None
    checkpoints = Checkpoints(steps)
    for version, written in ((1, 1000), (2, 400), (3, 10)):
        path = checkpoints.commit(version, saver(version))
        os.utime(path / FILE_NAME, (then := time.time() - written, then))
    age = checkpoint_age(steps, 2)
    assert age is not None and 400 <= age < 500
    (steps / "000003" / FILE_NAME).unlink()
    assert checkpoint_age(steps, 9) == pytest.approx(age, abs=60), "of one without, that before"


def test_commit_and_find(steps: Path) -> None:
    checkpoints = Checkpoints(steps)
    assert checkpoints.newest_intact(silent) is None
    path = checkpoints.commit(12, saver(12))
    assert path == steps / "000012" == checkpoints.path(12)
    assert sorted(p.name for p in path.iterdir()) == [FILE_NAME, "policy", "state.json"]
    assert [p.name for p in steps.iterdir()] == ["000012"]
    assert checkpoints.newest_intact(silent) == (12, path)
    assert checkpoints.commit(1_234_567, saver(1)).name == "1234567"
    assert checkpoints.versions() == [12, 1_234_567]
    assert checkpoints.newest_intact(silent, at_most=100) == (12, path)
    assert checkpoints.newest_intact(silent, at_most=5) is None


def test_one_of_another_branch_is_none_of_ours(steps: Path) -> None:
    checkpoints = Checkpoints(steps)
    checkpoints.commit(1, saver(1), "first")
    theirs = checkpoints.commit(2, saver(2), "theirs")
    skipped: list[str] = []
    ours = {1: "first", 2: "ours"}

    def look(updates: Mapping[int, str]) -> int:
        found = checkpoints.newest_intact(lambda path, why: skipped.append(why), updates=updates)
        assert found == newest_checkpoint(steps, 9, updates) and found is not None
        return found[0]

    assert look(ours) == 1 and skipped == ["it is of another branch than the journal"]
    assert look({1: "first", 2: "theirs"}) == look({}) == 2
    before = (theirs / "state.json").stat().st_ino
    checkpoints.commit(2, saver(2), "theirs")
    assert (theirs / "state.json").stat().st_ino == before
    checkpoints.commit(2, saver(2), "ours")
    assert (theirs / "state.json").stat().st_ino != before and look(ours) == 2


def test_one_of_a_time_when_they_named_no_update_is_believed(steps: Path) -> None:
    checkpoints = Checkpoints(steps)
    checkpoints.commit(1, saver(1))
    assert checkpoints.newest_intact(silent, updates={1: "ours"}) is not None

    def never(directory: Path) -> Manifest:
        raise AssertionError("it was written again")

    checkpoints.commit(1, never, "ours")


def test_again_is_nothing_and_a_broken_one_is_replaced(steps: Path) -> None:
    checkpoints = Checkpoints(steps)
    path = checkpoints.commit(3, saver(3))

    def never(directory: Path) -> Manifest:
        raise AssertionError("it was written again")

    checkpoints.commit(3, never)
    Checkpoints(steps).commit(3, never)
    flip(path / "policy" / "model.safetensors")
    checkpoints.commit(3, saver(3))
    assert checkpoint_problem(path) is None
    assert [p.name for p in steps.iterdir()] == ["000003"]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda p: flip(p / "policy/model.safetensors"), "SHA-256 differs"),
        (lambda p: (p / "policy/model.safetensors").write_bytes(b""), "has 0 bytes"),
        (lambda p: os.truncate(p / "policy/model.safetensors", 4096), "has 4096 bytes"),
        (lambda p: (p / "state.json").unlink(), "state.json is missing"),
        (lambda p: shutil.rmtree(p / "policy"), "is missing"),
        (lambda p: (p / FILE_NAME).unlink(), "manifest.json is missing"),
        (lambda p: (p / FILE_NAME).write_bytes(b""), "manifest.json is damaged"),
        (lambda p: os.truncate(p / FILE_NAME, 40), "manifest.json is damaged"),
        (lambda p: (p / FILE_NAME).write_bytes(b"\xff\xfe"), "manifest.json cannot be read"),
        (lambda p: (p / FILE_NAME).write_text('{"files": {}}'), "names no files"),
        (
            lambda p: (p / FILE_NAME).write_text('{"files": {"a": {"size": 1e999, "sha256": 0}}}'),
            "manifest.json is damaged",
        ),
    ],
)
def test_a_damaged_one_is_skipped_aloud(
    steps: Path, damage: Callable[[Path], object], words: str
) -> None:
    checkpoints = Checkpoints(steps)
    checkpoints.commit(1, saver(1))
    damage(checkpoints.commit(2, saver(2)))
    version, skipped = newest(checkpoints)
    assert version == 1
    assert len(skipped) == 1 and skipped[0].startswith("000002: ") and words in skipped[0]
    assert newest(Checkpoints(steps)) == (version, skipped)


def test_every_bit_of_a_manifest_counts_or_is_harmless(steps: Path) -> None:
    checkpoints = Checkpoints(steps)
    path = checkpoints.commit(1, saver(1))
    text = (path / FILE_NAME).read_bytes()
    for place in range(0, len(text) * 8, 3):
        changed = bytearray(text)
        changed[place // 8] ^= 1 << place % 8
        (path / FILE_NAME).write_bytes(changed)
        assert checkpoint_problem(path) is None or newest(checkpoints)[0] is None


# --- retention ----------------------------------------------------------------------------------


def test_keeps_the_newest(steps: Path) -> None:
    checkpoints = Checkpoints(steps, keep=3)
    for version in range(1, 11):
        checkpoints.commit(version, saver(version))
    assert checkpoints.versions() == [8, 9, 10]


def test_keeps_at_least_two(steps: Path) -> None:
    checkpoints = Checkpoints(steps, keep=0)
    for version in range(1, 5):
        checkpoints.commit(version, saver(version))
    assert checkpoints.versions() == [3, 4]


def test_a_damaged_one_does_not_count(steps: Path) -> None:
    checkpoints = Checkpoints(steps)
    checkpoints.commit(1, saver(1))
    flip(checkpoints.commit(2, saver(2)) / "policy" / "model.safetensors")
    checkpoints.commit(3, saver(3))
    assert checkpoints.versions() == [1, 2, 3]
    checkpoints.commit(4, saver(4))
    assert checkpoints.versions() == [3, 4]


class Retention(RuleBasedStateMachine):
    """Commits and damage in any order: the two newest intact ones are there, always."""

    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.checkpoints = Checkpoints(self.folder / "steps")
        self.version = 0
        self.intact: list[int] = []

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @rule()
    def commit(self) -> None:
        self.version += 1
        self.checkpoints.commit(self.version, saver(self.version))
        self.intact = [*self.intact, self.version][-2:]

    @rule(pick=st.integers(0, 99), what=st.sampled_from(["state.json", FILE_NAME]))
    def damage(self, pick: int, what: str) -> None:
        versions = self.checkpoints.versions()
        if versions:
            version = versions[pick % len(versions)]
            path = self.checkpoints.path(version) / what
            path.write_bytes(b"")
            if version in self.intact:
                self.intact.remove(version)

    @rule()
    def reopen(self) -> None:
        self.checkpoints = Checkpoints(self.folder / "steps")

    @rule()
    def look(self) -> None:
        assert newest(self.checkpoints)[0] == (self.intact[-1] if self.intact else None)
        assert set(self.intact[-2:]) <= set(self.checkpoints.versions())


TestRetention = Retention.TestCase
TestRetention.settings = settings(max_examples=20, stateful_step_count=15, deadline=None)


def test_discard_after(steps: Path) -> None:
    checkpoints = Checkpoints(steps, keep=9)
    for version in range(1, 5):
        checkpoints.commit(version, saver(version))
    checkpoints.discard_after(2)
    assert checkpoints.versions() == [1, 2]
    checkpoints.commit(3, saver(33))
    assert (steps / "000003" / "state.json").read_text() == '{"version": 33}'


# --- failures -----------------------------------------------------------------------------------


def full(error: Exception) -> Callable[[Path], Manifest]:
    def save(directory: Path) -> Manifest:
        saver(9)(directory)
        (directory / "half").write_bytes(b"x")
        raise error

    return save


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "No space left on device"), RuntimeError("No space left on device")],
)
def test_a_full_disk_while_saving(steps: Path, error: Exception) -> None:
    checkpoints = Checkpoints(steps)
    checkpoints.commit(1, saver(1))
    with pytest.raises(CheckpointError, match=r"checkpoint 2 .*No space left.*make room"):
        checkpoints.commit(2, full(error))
    assert [p.name for p in steps.iterdir()] == ["000001"]
    assert newest(checkpoints) == (1, [])
    checkpoints.commit(2, saver(2))


@pytest.mark.parametrize("name", ["write_synced", "sync_tree", "sync", "os.replace"])
def test_a_full_disk_at_any_stage(steps: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    checkpoints = Checkpoints(steps)
    checkpoints.commit(1, saver(1))

    def fail(*given: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(f"hitl.checkpoints.{name}", fail)
        with pytest.raises(CheckpointError, match="No space left"):
            checkpoints.commit(2, saver(2))
    assert [p.name for p in steps.iterdir()] == ["000001"]
    checkpoints.commit(2, saver(2))
    assert newest(checkpoints) == (2, [])


def test_a_failure_leaves_the_broken_one_it_was_to_replace(steps: Path) -> None:
    checkpoints = Checkpoints(steps)
    path = checkpoints.commit(1, saver(1))
    flip(path / "state.json")
    with pytest.raises(CheckpointError):
        checkpoints.commit(1, full(OSError(errno.EIO, "Input/output error")))
    assert (path / "state.json").exists()


def test_interrupted(steps: Path) -> None:
    def interrupted(directory: Path) -> Manifest:
        (directory / "half").write_bytes(b"x")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Checkpoints(steps).commit(1, interrupted)
    assert list(steps.iterdir()) == []


@pytest.mark.parametrize(
    ("claimed", "words"),
    [
        (Manifest({}), "nothing was saved"),
        (Manifest({"a": FileEntry(1, "0")}), "b is not in the manifest"),
        (Manifest({"a": FileEntry(1, "0"), "b": FileEntry(1, "0")}), "SHA-256 differs"),
        (Manifest({n: FileEntry(1, "0") for n in "abc"}), "c is missing|SHA-256 differs"),
    ],
)
def test_a_manifest_that_does_not_fit_is_not_committed(
    steps: Path, claimed: Manifest, words: str
) -> None:
    def save(directory: Path) -> Manifest:
        (directory / "a").write_bytes(b"a")
        (directory / "b").write_bytes(b"b")
        return claimed

    with pytest.raises(CheckpointError, match=words):
        Checkpoints(steps).commit(1, save)
    assert list(steps.iterdir()) == []


def test_a_real_full_disk(steps: Path, tmp_path: Path) -> None:
    """The kernel says no in the middle of a file: a limit on file sizes stands for the disk."""
    script = """
import resource, signal, sys
from pathlib import Path
from hitl.checkpoints import CheckpointError, Checkpoints
from tests.test_checkpoints import saver
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
checkpoints = Checkpoints(Path(sys.argv[1]))
checkpoints.commit(1, saver(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
try:
    checkpoints.commit(2, saver(2))
except CheckpointError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(steps)], cwd=ROOT, capture_output=True, text=True
    )
    assert "checkpoint 2 could not be written" in done.stdout, done.stderr
    assert [p.name for p in steps.iterdir()] == ["000001"]
    assert newest(Checkpoints(steps)) == (1, [])


# --- kill -9 ------------------------------------------------------------------------------------

CHILD = """
import sys
from pathlib import Path
from hitl.checkpoints import Checkpoints
from tests.test_checkpoints import saver
checkpoints = Checkpoints(Path(sys.argv[1]))
for version in range(int(sys.argv[2]), 9):
    checkpoints.commit(version, saver(version))
    print(version, flush=True)
"""
POINTS = ["saved", "before-manifest", "after-manifest", "before-rename", "after-rename"]


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("time", [1, 4])
def test_killed_at(steps: Path, point: str, time: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(steps), "1"],
        cwd=ROOT,
        env={**os.environ, "HITL_FAULT": f"checkpoint:{point}*{time}"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    acknowledged = [int(line) for line in done.stdout.split()]
    assert acknowledged == list(range(1, time))

    checkpoints = Checkpoints(steps)
    assert not list(steps.glob(".tmp-*")), "what the dead left is swept"
    version, skipped = newest(checkpoints)
    assert skipped == []
    on_disk = time if point == "after-rename" else time - 1
    assert version == (on_disk or None)
    checkpoints.commit(time, saver(time))
    assert newest(checkpoints) == (time, [])


def test_only_the_dead_are_swept(steps: Path) -> None:
    steps.mkdir()
    alive = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        (steps / f".tmp-000001-{alive.pid}").mkdir()
        (steps / ".tmp-000002-999999999").mkdir()
        (steps / ".tmp-000003-999999999").write_text("a file")
        (steps / "notes.txt").write_text("mine")
        (steps / "0000007").mkdir()
        checkpoints = Checkpoints(steps)
        assert sorted(p.name for p in steps.iterdir()) == [
            f".tmp-000001-{alive.pid}", "0000007", "notes.txt",
        ]  # fmt: skip
        assert checkpoints.versions() == []
    finally:
        alive.kill()
        alive.wait()

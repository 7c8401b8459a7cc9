"""The run folder, its config, and the list of runs."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hitl
from hitl.atomic import atomic_write
from hitl.checkpoints import Checkpoints
from hitl.errors import UsageError
from hitl.journal import Journal
from hitl.rundir import FORMAT, RunDir, RunError, check_name, fresh_name
from hitl.runs import list_runs
from hitl.wording import translator
from tests.journal_data import group, judgement, stats
from tests.test_checkpoints import saver

ROOT = Path(hitl.__file__).parents[1]
CONFIG = {
    "options": {"policy": None, "lang": "zh", "mode": "rank"},
    "versions": {"torch": "2.13.0"},
    "base": {"policy": "checkpoints/tiny-zh"},
}


def tree(path: Path) -> dict[str, bytes]:
    return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()}


def train(run: RunDir, updates: int = 1) -> None:
    """A run that has had some updates."""
    checkpoints = Checkpoints(run.steps)
    with Journal.open(run.journal_path) as journal:
        for number in range(1, updates + 1):
            journal.add_groups([group(number)])
            journal.record_update(stats(number), [journal.append(judgement(number))])
            checkpoints.commit(number, saver(number))


# --- the folder ---------------------------------------------------------------------------------


def test_create_and_open(tmp_path: Path) -> None:
    root = tmp_path / "deep" / "checkpoints"
    run = RunDir.create(root, "zh-01", CONFIG)
    assert run == RunDir.open(root, "zh-01")
    assert run.config() == {
        "format": FORMAT, "hitl": hitl.__version__, "ppo": {}, **CONFIG,
    }  # fmt: skip
    assert [p.name for p in root.iterdir()] == ["zh-01"]
    assert sorted(p.name for p in run.path.iterdir()) == ["config.json", "journal.db", "steps"]
    Journal.open(run.journal_path).close()
    assert RunDir.exists(root, "zh-01") and not RunDir.exists(root, "zh-02")
    assert run.log_path.parent == run.path


def test_create_refuses_what_is_there(tmp_path: Path) -> None:
    RunDir.create(tmp_path, "zh-01", CONFIG)
    before = tree(tmp_path)
    with pytest.raises(RunError, match=r"zh-01 is there already: .* another name"):
        RunDir.create(tmp_path, "zh-01", {})
    assert tree(tmp_path) == before
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunError, match="is there already"):
        RunDir.create(tmp_path, "empty", {})
    with pytest.raises(ValueError, match="opitons"):
        RunDir.create(tmp_path, "zh-02", {"opitons": {}})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["empty", "zh-01"]


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", ".hidden", "a/b", "a\\b", "../up", "/root", "-x", " a", "a ", "a\n", "a\0b",
     "\u202eoops", "长" * 40, "c:"],
)  # fmt: skip
def test_bad_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="a run cannot be called") as caught:
        RunDir.create(tmp_path, name, CONFIG)
    assert "\n" not in str(caught.value) and "\0" not in str(caught.value)
    assert not RunDir.exists(tmp_path, name)
    assert list(tmp_path.iterdir()) == []


@given(st.text(max_size=30))
def test_a_good_name_is_one_folder(name: str) -> None:
    try:
        check_name(name)
    except UsageError:
        return
    assert Path("root", name).name == name and Path("root", name).parent == Path("root")


@pytest.mark.parametrize("name", ["zh-01", "我的 run", "a.b_c+d"])
def test_good_names(tmp_path: Path, name: str) -> None:
    assert RunDir.create(tmp_path, name, {}).name == name


def test_open_what_is_not_there(tmp_path: Path) -> None:
    for name in ("zh-09", "../x", ""):
        with pytest.raises(UsageError, match="hitl runs"):
            RunDir.open(tmp_path, name)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "damaged"),
        (b'{"format": 1, "opt', "damaged"),
        (b"\xff\xff", "damaged"),
        (b"[1]", "not the config"),
        (b"{}", "not the config"),
        (b'{"format": true}', "not the config"),
        (b'{"format": 1}', "has no options"),
        (b'{"format": 2}', "newer hitl"),
        (None, "config.json is missing"),
    ],
)
def test_a_config_that_is_refused(tmp_path: Path, content: bytes | None, words: str) -> None:
    run = RunDir.create(tmp_path, "zh-01", CONFIG)
    if content is None:
        run.config_path.unlink()
    else:
        run.config_path.write_bytes(content)
    before = tree(tmp_path)
    with pytest.raises(RunError, match=words):
        RunDir.open(tmp_path, "zh-01")
    [summary] = list_runs(tmp_path)
    assert not summary.intact and summary.problem is not None and words in summary.problem
    assert tree(tmp_path) == before


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UsageError, match=r"--root .*file is no folder: give the one"):
        RunDir.create(tmp_path / "file", "zh-01", CONFIG)
    with pytest.raises(RunError, match=r"cannot be made in .*: .*; make that possible, or choose"):
        RunDir.create(Path("/proc/none"), "zh-01", CONFIG)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"options": {"scale": "x"}}, r"config.json is damaged \(--scale 'x' is no scale.*a copy$"),
        ({"options": {"group_size": "four"}}, r"config.json is damaged \(.*\): restore it from a"),
        (
            {"options": {"newest": 1}},
            r"config.json has options this .* \(newest\): .*update it",
        ),
    ],
)
def test_options_that_cannot_be_taken_are_told_with_their_file(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    run = RunDir.create(tmp_path, "zh-01", {"options": {}})
    run.config_path.write_text(json.dumps(run.config() | change))
    with pytest.raises(UsageError, match=said) as caught:
        run.options()
    assert str(run.config_path) in str(caught.value)
    assert re.search("[\u4e00-\u9fff]", translator("zh").error(caught.value))


def test_a_run_that_may_not_be_looked_into_is_listed_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    RunDir.create(tmp_path, "open", {"options": {"lang": "zh"}})
    (tmp_path / "closed").mkdir()

    def exists(path: Path) -> bool:
        if path.parent.name == "closed":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return os.path.exists(path)

    monkeypatch.setattr(Path, "exists", exists)
    found = {run.run: run for run in list_runs(tmp_path)}
    assert found["open"].intact
    assert found["closed"].problem is not None and not found["closed"].intact
    with pytest.raises(
        RunError, match=r"closed cannot be read \(Permission denied\): give yourself"
    ):
        RunDir.open(tmp_path, "closed")


def test_a_folder_of_runs_that_may_not_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> list[Path]:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(RunError, match=r"cannot be read \(Permission denied\)"):
        list_runs(tmp_path)


def test_killed_while_it_is_made(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from hitl.rundir import RunDir; "
        "RunDir.create(Path(sys.argv[1]), 'zh-01', {})"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "HITL_FAULT": "run:before-rename"},
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL
    assert list_runs(tmp_path) == [] and not RunDir.exists(tmp_path, "zh-01")
    RunDir.create(tmp_path, "zh-01", CONFIG)
    assert [p.name for p in tmp_path.iterdir()] == ["zh-01"]


def test_atomic_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.json"
    atomic_write(path, "旧")
    atomic_write(path, b"new")
    assert path.read_bytes() == b"new"
    for stage in ("os.fsync", "os.replace"):
        with monkeypatch.context() as patched:

            def fail(*given: object) -> None:
                raise OSError("No space left on device")

            patched.setattr(stage, fail)
            with pytest.raises(OSError, match="No space"):
                atomic_write(path, b"newer")
        assert tree(tmp_path) == {"state.json": b"new"}


# --- the list -----------------------------------------------------------------------------------


def test_fresh_names(tmp_path: Path) -> None:
    assert fresh_name(tmp_path / "absent", "zh") == "zh-01"
    for name in ("zh-01", "zh-07", "en-03", "zh-x", "azh-99"):
        (tmp_path / name).mkdir()
    assert fresh_name(tmp_path, "zh") == "zh-08"
    assert fresh_name(tmp_path, "en") == "en-04"
    (tmp_path / "zh-99").mkdir()
    assert fresh_name(tmp_path, "zh") == "zh-100"


def test_a_good_run_in_the_list(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path, "zh-01", CONFIG)
    [fresh] = list_runs(tmp_path)
    assert (fresh.updates, fresh.labels, fresh.reward) == (0, 0, None)
    assert fresh.intact and fresh.problem is None
    train(run, 3)
    before = tree(tmp_path)
    [found] = list_runs(tmp_path)
    assert (found.run, found.policy, found.lang, found.mode) == ("zh-01", "tiny-zh", "zh", "rank")
    assert (found.updates, found.labels, found.reward) == (3, 6, 1.5)
    assert found.intact and found.problem is None and 0 <= found.age_s < 600
    assert tree(tmp_path) == before, "a look changes nothing"


def test_newest_first_and_models_are_no_runs(tmp_path: Path) -> None:
    for age, name in ((300, "zh-01"), (100, "zh-02"), (200, "en-01")):
        run = RunDir.create(tmp_path, name, CONFIG)
        when = time.time() - age
        for path in (*run.path.rglob("*"), run.path):
            os.utime(path, (when, when))
    model = tmp_path / "tiny-zh"
    model.mkdir()
    (model / "config.json").write_text('{"model_type": "gpt2"}')
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / ".tmp-zh-09-999999999").mkdir()
    assert [run.run for run in list_runs(tmp_path)] == ["zh-02", "en-01", "zh-01"]
    assert list_runs(tmp_path / "absent") == []
    with pytest.raises(UsageError, match="no run tiny-zh"):
        RunDir.open(tmp_path, "tiny-zh")


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda r: r.journal_path.unlink(), "missing"),
        (lambda r: r.journal_path.write_bytes(b""), "empty"),
        (lambda r: cut(r.journal_path), "damaged"),
        (lambda r: r.journal_path.write_bytes(bytes(range(256)) * 20), "not a database"),
        (lambda r: cut(r.steps / "000003/policy/model.safetensors"), "checkpoint 3 is damaged"),
        (lambda r: (r.steps / "000003/manifest.json").unlink(), "manifest.json is missing"),
        (lambda r: (r.steps / "000003/state.json").unlink(), "state.json is missing"),
        (lambda r: shutil.rmtree(r.steps), "rebuilds it from the journal"),
    ],
)  # fmt: skip
def test_a_broken_run_is_listed_as_broken(tmp_path: Path, damage: Any, words: str) -> None:
    run = RunDir.create(tmp_path, "zh-01", CONFIG)
    RunDir.create(tmp_path, "zh-02", CONFIG)
    train(run, 3)
    damage(run)
    found = {r.run: r for r in list_runs(tmp_path)}
    assert found["zh-02"].intact
    broken = found["zh-01"]
    assert not broken.intact and broken.policy == "tiny-zh"
    assert broken.problem is not None and words in broken.problem


def test_a_newer_run_is_listed_and_left_alone(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path, "zh-01", CONFIG)
    run.config_path.write_text(json.dumps({**run.config(), "format": FORMAT + 1}))
    before = tree(tmp_path)
    [found] = list_runs(tmp_path)
    assert found.problem is not None and "newer" in found.problem
    assert tree(tmp_path) == before


def test_a_run_that_was_killed_is_listed_with_all_it_acknowledged(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path / "live", "zh-01", CONFIG)
    with Journal.open(run.journal_path) as journal:
        journal.add_groups([group(1), group(2)])
        journal.append(judgement(1))
        # What a kill leaves: the log is not folded in.
        shutil.copytree(tmp_path / "live", tmp_path / "killed")
        (tmp_path / "killed" / "zh-01" / "journal.db-shm").unlink()
        [live] = list_runs(tmp_path / "live")
    before = tree(tmp_path / "killed")
    [found] = list_runs(tmp_path / "killed")
    assert found.labels == live.labels == 2 and found.intact and found.problem is None
    after = tree(tmp_path / "killed")
    after.pop("zh-01/journal.db-shm", None)
    assert after == before
    with Journal.open(tmp_path / "killed" / "zh-01" / "journal.db") as journal:
        assert len(journal.pending()) == 1

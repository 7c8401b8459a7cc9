"""Figures at another service, through its own interface and under the run's name."""

from __future__ import annotations

import importlib.util
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hitl.commands.auto import _tracking
from hitl.commands.auto_tracker import Service, Tracker, check_installed
from hitl.config.auto import Auto
from hitl.config.session import SessionConfig
from hitl.errors import UsageError
from hitl.records import UpdateStats

STAND_IN = """
said = []
def init(**options): said.append(("init", options))
def log(figures, step): said.append(("log", step, figures))
def finish(): said.append(("finish",))
class Table:
    def __init__(self, columns, data): self.rows = [columns, *data]
"""


def stats(number: int) -> UpdateStats:
    return UpdateStats(number, 2, 0.5, 0.1, 0.7, 0.1, 0.0, 0.0, 3.0, 0.0, 0.0, 1.0, 4, 0.1)


def track(service: Service, numbers: range) -> None:
    tracker = Tracker(service, "p", "a1", {"lr": 1e-4})
    for number in numbers:
        tracker.add(stats(number), 0.25, [("text", 0.75)])
    tracker.close()


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Puts a stand-in of a package where it is found first, and gives it back when imported."""

    def put(name: str) -> Any:
        (tmp_path / f"{name}.py").write_text(STAND_IN)
        monkeypatch.syspath_prepend(tmp_path)
        found = importlib.util.spec_from_file_location(name, tmp_path / f"{name}.py")
        assert found is not None and found.loader is not None
        module = importlib.util.module_from_spec(found)
        found.loader.exec_module(module)
        monkeypatch.setitem(sys.modules, name, module)
        return module

    return put


@pytest.mark.parametrize("service", ["wandb", "trackio"])
def test_what_the_package_is_told(service: Service, fresh: Callable[[str], Any]) -> None:
    package = fresh(service)
    check_installed(service)
    track(service, range(3, 5))
    (_, options), (_, step, figures), (_, then, _), end = package.said
    assert (options["project"], options["name"], options["resume"]) == ("p", "a1", "allow")
    assert options["config"] == {"lr": 1e-4} and (service == "trackio" or options["id"] == "a1")
    assert (step, then, end) == (3, 4, ("finish",))
    assert figures["env/reward_mean"] == 0.75 and figures["ppo/reward"] == 0.5
    assert figures["ppo/sequence_kl"] == 0.7 and "ppo/digest" not in figures
    assert figures["samples"].rows == [["text", "reward"], ["text", 0.75]]


def test_it_is_told_the_project_and_the_options_of_the_run(fresh: Callable[[str], Any]) -> None:
    package = fresh("trackio")
    command, config = Auto(report_to="trackio", project="mine"), SessionConfig(lang="zh")
    track_run = _tracking(command, "a1", config)
    assert track_run is not None and package.said == []
    track_run().close()
    _, options = package.said[0]
    assert (options["project"], options["name"]) == ("mine", "a1")
    assert options["config"]["lang"] == "zh"
    assert _tracking(Auto(), "a1", config) is None


def test_a_package_that_is_not_there_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "meta_path", [])
    monkeypatch.delitem(sys.modules, "wandb", raising=False)
    with pytest.raises(UsageError, match=r"--report-to wandb: the package is not installed .*pip"):
        check_installed("wandb")


def test_trackio_itself_keeps_the_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path))
    pytest.importorskip("trackio")
    track("trackio", range(1, 3))
    track("trackio", range(3, 4))  # a run that goes on
    [file] = tmp_path.glob("p*.db")
    with sqlite3.connect(file) as base:
        found = base.execute("select run_name, step from metrics order by step").fetchall()
    assert found == [("a1", 1), ("a1", 2), ("a1", 3)]


def test_wandb_itself_writes_a_run_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.chdir(tmp_path)
    track("wandb", range(1, 3))
    [file] = tmp_path.glob("wandb/offline-run-*-a1/run-a1.wandb")
    assert b"env/reward_mean" in file.read_bytes()

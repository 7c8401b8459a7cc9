"""What a run is given when it is made."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from hitl.config.session import SessionConfig
from hitl.creation import SMALL_BYTES, create_run, processors, thrifty


def test_threads_are_those_the_process_may_use_unless_openmp_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert processors() == len(os.sched_getaffinity(0))
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert processors() == 3
    for said in ("0", "many"):
        monkeypatch.setenv("OMP_NUM_THREADS", said)
        assert processors() >= 1


def test_a_system_that_cannot_say_so_has_all_its_processors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delattr(os, "sched_getaffinity")  # as on macOS
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert processors() == 6


def made(tmp_path: Path, **options: Any) -> SessionConfig:
    """The options of a new run."""
    return create_run(tmp_path, "run", SessionConfig(lang="zh", **options)).options()


def test_a_small_policy_writes_more_than_is_judged_and_goes_on_by_itself(tmp_path: Path) -> None:
    config = made(tmp_path)
    assert (config.candidates, config.amplify) == (12, "on")


@pytest.mark.parametrize(
    ("options", "settled"),
    [
        ({"mode": "pair", "group_size": 2}, (6, "on")),
        ({"group_size": 1}, (1, "on")),
        ({"group_size": 30}, (64, "on")),
        ({"group_size": 70}, (70, "on")),
        ({"label_only": True}, (12, "off")),
        ({"preset": "trl-classic"}, (4, "off")),
        ({"candidates": 4, "amplify": "off"}, (4, "off")),
        ({"candidates": 40}, (40, "on")),
    ],
)
def test_what_is_asked_for_and_what_cannot_be_hold_over_it(
    tmp_path: Path, options: dict[str, Any], settled: tuple[int, str]
) -> None:
    config = made(tmp_path, **options)
    assert (config.candidates, config.amplify) == settled


def test_a_large_policy_and_one_of_the_hub_do_no_more_than_they_are_asked(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"")
    os.truncate(tmp_path / "model.safetensors", SMALL_BYTES + 1)
    for source in (tmp_path, "someone/gpt2"):
        config = thrifty(SessionConfig(lang="zh"), source)
        assert (config.candidates, config.amplify) == (4, "off")
    asked = thrifty(SessionConfig(lang="zh", candidates=8, amplify="on"), tmp_path)
    assert (asked.candidates, asked.amplify) == (8, "on")

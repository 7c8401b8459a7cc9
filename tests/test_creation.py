"""What a run is given when it is made."""

from __future__ import annotations

import os

import pytest

from hitl.creation import processors


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

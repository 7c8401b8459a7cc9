"""The engine's thread beside the one a person waits for."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from hitl.engine import NICE, EngineThread

from .fakes import FakeEngine


def niceness() -> int:
    """Of the thread that asks."""
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.skipif(sys.platform != "linux", reason="a nice value is the whole process's")
def test_an_engine_behind_a_screen_lets_the_screen_go_first() -> None:
    before = niceness()
    thread = EngineThread(FakeEngine, behind=True)
    try:
        assert thread.submit(lambda engine: niceness()).result() == min(NICE, 19)
        with ThreadPoolExecutor(1) as helper:  # a thread that the engine starts is like it
            asked = thread.submit(lambda engine: helper.submit(niceness)).result()
            assert asked.result() == min(NICE, 19)
    finally:
        thread.close()
    assert niceness() == before


def test_an_engine_that_nobody_watches_is_not_slowed() -> None:
    thread = EngineThread(FakeEngine)
    try:
        assert thread.submit(lambda engine: niceness()).result() == niceness()
    finally:
        thread.close()

"""The engine's thread beside the one a person waits for."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from hitl.engine import NICE, Engine, EngineThread

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


def test_what_is_done_behind_somebodys_back_is_not_awaited() -> None:
    thread, began, gate = EngineThread(FakeEngine), threading.Event(), threading.Event()
    seen = list[bool]()

    def work(engine: Engine) -> None:
        began.set()
        assert gate.wait(10)
        seen.append(thread.awaited)

    try:
        running = thread.submit(work)
        assert began.wait(10)
        thread.submit(lambda engine: None, behind=True)
        idle = thread.when_idle(lambda engine: None)
        assert not thread.awaited
        last = thread.submit(lambda engine: seen.append(thread.awaited))
        assert thread.awaited
        gate.set()
        for future in (running, idle, last):
            future.result(10)
        assert seen == [True, False]
    finally:
        thread.close()


def test_an_engine_that_nobody_watches_is_not_slowed() -> None:
    thread = EngineThread(FakeEngine)
    try:
        assert thread.submit(lambda engine: niceness()).result() == niceness()
    finally:
        thread.close()

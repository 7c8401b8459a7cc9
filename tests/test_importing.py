"""Imports without the garbage collector."""

from __future__ import annotations

import gc
import threading

import pytest

from hitl.engine import EngineThread
from hitl.importing import importing
from tests.fakes import FakeEngine


def test_no_garbage_is_looked_for_inside_and_it_is_afterwards() -> None:
    with importing():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_is_looked_for_after_an_import_that_failed() -> None:
    with pytest.raises(ImportError), importing():
        raise ImportError
    assert gc.isenabled()


def test_who_does_without_it_keeps_doing_without() -> None:
    gc.disable()
    try:
        with importing():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()


@pytest.mark.parametrize("first_in_first_out", [True, False])
def test_two_threads_at_it_leave_it_on(first_in_first_out: bool) -> None:
    one, other = importing(), importing()
    one.__enter__()
    thread = threading.Thread(target=other.__enter__)
    thread.start()
    thread.join()
    for ended in (one, other) if first_in_first_out else (other, one):
        ended.__exit__(None, None, None)
    assert gc.isenabled()


def test_an_engine_is_made_without_and_works_with_it() -> None:
    seen: list[bool] = []

    def make() -> FakeEngine:
        seen.append(gc.isenabled())
        return FakeEngine()

    engine = EngineThread(make)
    assert engine.submit(lambda made: gc.isenabled()).result()
    assert seen == [False]
    engine.close()

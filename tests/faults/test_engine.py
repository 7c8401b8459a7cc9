"""An update that becomes NaN, finds no memory, or fails for no known reason: in a real session."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from hitl.journal import Journal

from .command import LINES, hitl, state
from .conftest import Bench

# --- in the fork of the driver ------------------------------------------------------------------


def session(folder: str, fault: str, ahead: int, typed: Sequence[str]) -> dict[str, Any]:
    """`hitl resume a` where the first update meets a fault."""
    from hitl.commands import operate
    from hitl.learn import evaluate as passes

    times = iter([True])
    evaluate = passes.evaluate

    def faulty(*given: Any) -> Any:
        import torch

        found = evaluate(*given)
        if not torch.is_grad_enabled():
            return found
        match fault:
            case "nan" if next(times, False):
                return type(found)(**{**vars_of(found), "logp": found.logp * float("nan")})
            case "out of memory for ever":
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
            case "out of memory once" if next(times, False):
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
            case "the driver":
                raise RuntimeError("CUDA error: an illegal memory access was encountered")
        return found

    passes.evaluate = faulty
    if ahead:
        run = operate.run
        operate.run = lambda *given, **named: run(*given, **{**named, "ahead": ahead})
    return hitl(folder, ["resume", "a", "--plain"], typed)


def vars_of(thing: Any) -> dict[str, Any]:
    """The fields of a dataclass, slots or not."""
    import dataclasses

    return {f.name: getattr(thing, f.name) for f in dataclasses.fields(thing)}


# --- the tests ----------------------------------------------------------------------------------


@pytest.fixture(params=[0, pytest.param(2, marks=pytest.mark.thorough)], ids=["in order", "ahead"])
def with_fault(bench: Bench, request: pytest.FixtureRequest) -> Callable[[str], dict[str, Any]]:
    def run(fault: str) -> dict[str, Any]:
        return bench.driver.call(
            "tests.faults.test_engine:session",
            folder=bench.folder, fault=fault, ahead=request.param, typed=LINES[8:],
        )  # fmt: skip

    return run


def consistent(bench: Bench) -> bool:
    """The journal opens, every update follows from it, and no label is gone."""
    done = bench.hitl("replay", "a", "--json")
    with Journal.open(bench.run / "journal.db", readonly=True) as journal:
        consumed = sum(len(journal.update_batch(s.number)) for s in journal.updates())
        aside = len(journal.judged()) - consumed - len(journal.pending())
    return json.loads(done["out"])["identical"] and aside in (0, 2, 4)


@pytest.mark.parametrize(
    ("fault", "said", "updates"),
    [
        ("nan", "became NaN or infinite: its labels are kept, and learned from no more", 5),
        ("out of memory for ever", "one completion does not fit into memory: its labels", 4),
    ],
)
def test_a_batch_that_cannot_be_learned_is_set_aside_and_the_session_lives(
    bench: Bench, with_fault: Callable[[str], dict[str, Any]], fault: str, said: str, updates: int
) -> None:
    done = with_fault(fault)
    assert done["code"] == 0, done["err"]
    assert said in done["out"] and "update 5 was undone" in done["out"]
    assert done["out"].count("kept 2 labels") == 4
    with Journal.open(bench.run / "journal.db", readonly=True) as journal:
        assert journal.last_update() == updates
        assert len(journal.judged()) == 12 and journal.totals().pending_labels == 0
    assert state(str(bench.folder))["version"] == updates
    assert consistent(bench)


def test_out_of_memory_once_is_tried_again_in_smaller_pieces(
    bench: Bench, with_fault: Callable[[str], dict[str, Any]]
) -> None:
    done = with_fault("out of memory once")
    assert done["code"] == 0 and "update 6: " in done["out"] and "error" not in done["out"]
    assert state(str(bench.folder))["version"] == 6


def test_an_engine_that_breaks_ends_the_session_in_one_line_and_loses_nothing(
    bench: Bench, six_updates: str, with_fault: Callable[[str], dict[str, Any]]
) -> None:
    done = with_fault("the driver")
    assert done["code"] == 1
    [line] = done["err"].splitlines()
    assert line.startswith("hitl: RuntimeError: CUDA error: an illegal memory access")
    kept = done["out"].count("kept 2 labels")
    assert kept >= 2 and state(str(bench.folder))["version"] == 4
    assert consistent(bench)
    bench.hitl("resume", "a", "--plain", typed=LINES[8 + kept :])
    with Journal.open(bench.run / "journal.db", readonly=True) as journal:
        assert len(journal.judged()) == 12 and journal.last_update() == 6
    if kept == 2:  # in order, so what was sampled is what would have been
        assert state(str(bench.folder)) == {"version": 6, "digest": six_updates}

"""SIGINT, SIGTERM, SIGHUP, once and twice, on a real terminal, at every kind of work.

Once: saved, the terminal as it was, 128 + n. Twice: at once, and nothing acknowledged is lost.
"""

from __future__ import annotations

import json
import shutil
import signal
from typing import Any

import pytest

from hitl.journal import Journal

from .command import LINES
from .conftest import Bench
from .tables import latin

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
STAGES = ("judging", "update", "save")
MODES = ("plain", "screen")
Plan = list[tuple[str, str]]

ASKS = {"plain": "type 2 numbers", "screen": "Prompt 9"}
JUDGE: dict[str, Plan] = {
    "plain": [("type", "3 1\n"), ("see", "kept 2 labels, 2 of 4"), ("type", "5 2\n")],
    "screen": [("type", "31"), ("see", "last: 3 1"), ("see", "Prompt 10"), ("type", "52")],
}


def sit(bench: Bench, mode: str, slow: str, plan: Plan, slow_s: float = 0.8) -> dict[str, Any]:
    words = ["resume", "a", *(["--plain"] if mode == "plain" else [])]
    return bench.driver.call(
        "tests.faults.terminal:sit",
        folder=bench.folder, words=words, slow=slow, slow_s=slow_s, plan=plan,
    )  # fmt: skip


def work(mode: str, stage: str) -> Plan:
    """Until the session is judging, or the engine at a stage of update 5."""
    judging: Plan = [("see", ASKS[mode])]
    return judging if stage == "judging" else [*judging, *JUDGE[mode], ("met", stage)]


def goes_on(bench: Bench, judged: int) -> None:
    """Whatever happened, every label that was acknowledged is there, and the run is sound."""
    with Journal.open(bench.run / "journal.db", readonly=True) as journal:
        kept = len(journal.judged())
    assert kept >= judged
    done = bench.hitl("resume", "a", "--plain", typed=LINES[kept:])
    assert done["code"] == 0, done["err"]
    with Journal.open(bench.run / "journal.db", readonly=True) as journal:
        assert (len(journal.judged()), journal.last_update()) == (12, 6)
    assert json.loads(bench.hitl("replay", "a", "--json")["out"])["identical"]


def saved(bench: Bench) -> bool:
    """The newest checkpoint is of the last update."""
    with Journal.open(bench.run / "journal.db", readonly=True) as journal:
        return max(p.name for p in bench.steps.iterdir()) == f"{journal.last_update():06d}"


@pytest.mark.parametrize(("number", "stage", "mode"), latin(SIGNALS, STAGES, MODES))
def test_once_it_saves_and_leaves(bench: Bench, mode: str, stage: str, number: str) -> None:
    end = sit(bench, mode, stage, [*work(mode, stage), ("signal", number)])
    assert end["code"] == 128 + getattr(signal, number), end["text"]
    assert end["restored"]
    assert saved(bench)
    assert "run a is saved: hitl resume a" in end["text"]
    if stage != "judging":
        assert f"{max(p.name for p in bench.steps.iterdir())}" == "000005"
    goes_on(bench, judged=8 if stage == "judging" else 10)


@pytest.mark.parametrize(("stage", "number", "mode"), latin(STAGES[1:], SIGNALS[:2], MODES))
def test_twice_it_leaves_at_once(bench: Bench, mode: str, stage: str, number: str) -> None:
    twice: Plan = [("signal", number), ("wait", "0.3"), ("signal", number)]
    end = sit(bench, mode, stage, [*work(mode, stage), *twice], slow_s=60.0)
    assert end["code"] == 128 + getattr(signal, number), end["text"]
    assert end["seconds"] < 30, "the engine had a minute to go"
    assert end["restored"]
    goes_on(bench, judged=10)


@pytest.mark.parametrize("mode", ["plain", "screen"])
def test_the_terminal_goes_away(bench: Bench, mode: str) -> None:
    end = sit(bench, mode, "update", [*work(mode, "update"), ("hang up", "")])
    assert end["code"] == 128 + signal.SIGHUP
    assert saved(bench)
    goes_on(bench, judged=10)


CTRL_C: Plan = [("type", "\x03")]
TERMINATED: Plan = [("signal", "SIGTERM")]
LEAVE: dict[str, tuple[str, Plan, int]] = {
    "plain Ctrl+C": ("plain", CTRL_C, 130),
    "screen q": ("screen", [("type", "q")], 0),
    "screen Ctrl+C": ("screen", CTRL_C, 0),
    "plain SIGTERM": ("plain", TERMINATED, 143),
    "screen SIGTERM": ("screen", TERMINATED, 143),
}
"""How, where, and the exit code."""


@pytest.mark.parametrize(("way", "stage"), latin(list(LEAVE), ["import", "load"]))
def test_leaving_before_the_policy_is_there_waits_for_nothing(
    bench: Bench, way: str, stage: str
) -> None:
    before = bench.content()
    mode, leave, code = LEAVE[way]
    end = sit(bench, mode, stage, [("met", stage), *leave], slow_s=600.0)
    assert end["code"] == code and end["restored"], end["text"]
    assert end["stages"] == [stage], "it would have taken ten minutes more"
    assert "run a is saved: hitl resume a" in end["text"]
    after = bench.content()
    assert {k: v for k, v in after.items() if k.startswith("steps")} == {
        k: v for k, v in before.items() if k.startswith("steps")
    }
    goes_on(bench, judged=8)


@pytest.mark.parametrize("way", ["plain Ctrl+C", "screen q"])
def test_leaving_while_updates_are_made_again(bench: Bench, way: str) -> None:
    shutil.rmtree(bench.steps)
    mode, leave, code = LEAVE[way]
    end = sit(bench, mode, "update", [("met", "update"), ("wait", "0.2"), *leave])
    assert end["code"] == code and end["restored"], end["text"]
    made = end["stages"].count("update")
    assert 1 <= made < 4, "not all of them"
    assert [p.name for p in bench.steps.iterdir()] == [f"{made:06d}"], "what was made is kept"
    goes_on(bench, judged=8)

"""`hitl resume RUN --at N`: a new branch from update N, the old one kept in the journal."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from hitl.journal import Journal

from .command import LINES, state
from .conftest import Bench

OTHERS = ("1 5", "2 4", "5 1", "3 4")


def digests(bench: Bench) -> list[str]:
    with Journal.open(bench.run / "journal.db", readonly=True) as journal:
        return [stats.digest for stats in journal.updates()]


@pytest.mark.parametrize("at", [0, 1, 3])
def test_it_goes_on_from_an_earlier_update(bench: Bench, at: int) -> None:
    before = digests(bench)
    done = bench.hitl("resume", "a", "--plain", "--at", str(at), typed=OTHERS)
    assert done["code"] == 0, done["err"]
    assert f"update {at + 1}: " in done["out"] and f"update {at + 3}: " not in done["out"]
    after = digests(bench)
    assert len(after) == at + 2
    assert after[:at] == before[:at] and after[at] != before[at]
    assert state(str(bench.folder)) == {"version": at + 2, "digest": after[-1]}
    with Journal.open(bench.run / "journal.db", readonly=True) as journal:
        judged = journal.judged()
        assert len(judged) == 8 + 4, "the judgements of the branch that was left are kept"
        numbers = [j.group.prompt.number for j in reversed(judged)]
        assert numbers == sorted(set(numbers)), "groups are numbered on"
        consumed = [j.id for n in range(1, at + 3) for j in journal.update_batch(n)]
        assert len(consumed) == len(set(consumed)) == 2 * (at + 2)


def test_its_replay_is_identical(bench: Bench) -> None:
    bench.hitl("resume", "a", "--plain", "--at", "2", typed=OTHERS[:2])
    bench.hitl("resume", "a", "--plain", "--at", "3", typed=OTHERS[2:])
    done = bench.hitl("replay", "a", "--json")
    verdict = json.loads(done["out"])
    assert verdict == {"identical": True, "updates": 4, "digest": digests(bench)[-1]}


def test_the_same_branch_is_the_same_again(bench: Bench, tmp_path: Path) -> None:
    twin = bench.copy(tmp_path / "twin")
    for run in (bench, twin):
        run.hitl("resume", "a", "--plain", "--at", "1", typed=OTHERS)
    assert digests(bench) == digests(twin)


@pytest.mark.parametrize("at", ["-1", "5", "99"])
def test_no_such_update_changes_nothing(bench: Bench, at: str) -> None:
    before = bench.content()
    done = bench.hitl("resume", "a", "--plain", f"--at={at}", typed=OTHERS)
    assert done["code"] == 2
    [line] = done["err"].splitlines()
    assert f"--at {at}: there is no such update in the run, choose from 0" in line
    assert line.endswith("to 4")
    assert bench.content() == before


def test_killed_between_the_two_steps_the_run_is_as_it_was(
    bench: Bench, six_updates: str, tmp_path: Path
) -> None:
    arguments = {"words": ["resume", "a", "--plain", "--at", "1"], "typed": OTHERS}
    killed = bench.driver.call(
        "tests.faults.workshop:killed_command", folder=bench.folder,
        fault="rollback:discarded", **arguments,
    )  # fmt: skip
    assert killed == -9
    assert list(bench.steps.iterdir()) == []
    assert len(digests(bench)) == 4, "the journal knows of nothing yet"
    twin = bench.copy(tmp_path / "twin")

    on = bench.hitl("resume", "a", "--plain", typed=LINES[8:])  # a change of mind
    assert on["code"] == 0 and on["out"].count("again from the journal") == 4
    assert state(str(bench.folder)) == {"version": 6, "digest": six_updates}

    back = twin.hitl("resume", "a", "--plain", "--at", "1", typed=OTHERS)
    assert back["code"] == 0 and len(digests(twin)) == 3
    assert json.loads(twin.hitl("replay", "a", "--json")["out"])["identical"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_the_commit_of_the_branch(bench: Bench, six_updates: str, when: str) -> None:
    killed = bench.driver.call(
        "tests.faults.workshop:killed_command", folder=bench.folder,
        fault=f"journal:{when}-commit", words=["resume", "a", "--plain", "--at", "3"], typed=[],
    )  # fmt: skip
    assert killed == -9
    with sqlite3.connect(bench.run / "journal.db") as db:
        branches = db.execute("SELECT count(*) FROM branches").fetchone()[0]
    assert (branches, len(digests(bench))) == ((2, 3) if when == "after" else (1, 4))
    done = bench.hitl("resume", "a", "--plain", typed=LINES[8:])
    assert done["code"] == 0
    if when == "before":
        assert state(str(bench.folder)) == {"version": 6, "digest": six_updates}
    else:
        assert "again from the journal" not in done["out"], "checkpoint 3 was kept"
        assert len(digests(bench)) == 5
    assert json.loads(bench.hitl("replay", "a", "--json")["out"])["identical"]

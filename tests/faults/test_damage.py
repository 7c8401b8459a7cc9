"""Files of a run that are torn, cut, empty, gone or have a bit flipped."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from .command import LINES, state
from .conftest import Bench
from .tables import latin

PARTS = (
    "policy/model.safetensors",
    "policy/config.json",
    "policy/tokenizer.json",
    "trainer.safetensors",
    "state.json",
    "manifest.json",
)


def torn(path: Path) -> None:
    """The second half was never written: zeros, as a power cut leaves them."""
    content = path.read_bytes()
    half = len(content) // 2
    path.write_bytes(content[:half] + bytes(len(content) - half))


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def missing(path: Path) -> None:
    path.unlink()


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES = (torn, truncated, emptied, missing, flipped)
Damage = Callable[[Path], None]


@pytest.mark.parametrize(("part", "damage"), latin(PARTS, DAMAGES))
def test_a_damaged_checkpoint_is_skipped_aloud_and_costs_nothing(
    bench: Bench, six_updates: str, part: str, damage: Damage
) -> None:
    damage(bench.steps / "000004" / part)
    done = bench.hitl("resume", "a", "--plain", typed=LINES[8:])
    assert done["code"] == 0, done["err"]
    assert "warning: checkpoint 000004 skipped: " in done["out"]
    assert "making update 4 again from the journal" in done["out"]
    assert "making update 3" not in done["out"], "checkpoint 3 was good"
    assert "different" not in done["out"]
    assert state(str(bench.folder)) == {"version": 6, "digest": six_updates}


def test_all_checkpoints_damaged(bench: Bench, six_updates: str) -> None:
    flipped(bench.steps / "000004" / "trainer.safetensors")
    torn(bench.steps / "000003" / "policy" / "model.safetensors")
    done = bench.hitl("resume", "a", "--plain", typed=LINES[8:])
    assert done["out"].count("skipped: ") == 2
    assert done["out"].count("again from the journal") == 4
    assert state(str(bench.folder)) == {"version": 6, "digest": six_updates}


def test_deleted_steps_are_made_again_and_only_once(bench: Bench, six_updates: str) -> None:
    shutil.rmtree(bench.steps)
    again = bench.hitl("resume", "a", "--plain")
    assert again["code"] == 0 and again["out"].count("again from the journal") == 4
    assert [p.name for p in bench.steps.iterdir()] == ["000004"]
    done = bench.hitl("resume", "a", "--plain", typed=LINES[8:])
    assert "again from the journal" not in done["out"]
    assert state(str(bench.folder)) == {"version": 6, "digest": six_updates}


# --- the journal --------------------------------------------------------------------------------


def scribbled(path: Path) -> None:
    """A page in the middle overwritten by somebody else's bytes."""
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = b"\xa5" * 4096
    path.write_bytes(content)


def changed(path: Path) -> None:
    """Scores that nobody gave; to SQLite the file is sound."""
    content = path.read_bytes()
    place = content.index(b'{"scores":')
    path.write_bytes(content[:place] + content[place:].replace(b"[5.0", b"[1.0", 1))


@pytest.mark.parametrize("damage", [scribbled, changed, emptied, torn])
def test_a_corrupt_journal_is_refused_with_what_can_be_saved(bench: Bench, damage: Damage) -> None:
    damage(bench.run / "journal.db")
    shutil.rmtree(bench.steps / "000004" / "policy")
    before = bench.content()
    done = bench.hitl("resume", "a", "--plain", typed=LINES[8:])
    assert done["code"] == 1
    [line] = done["err"].splitlines()
    assert line.startswith("hitl: ") and "copy; without one, " in line, line
    assert (".recover` prints the rows that can be read" in line) == (damage is not emptied)
    assert "steps/000003/policy` goes on from the policy of update 3 in a new run" in line
    assert "journal.db" in line
    assert bench.content() == before


@pytest.mark.parametrize("command", [
    ("export", "a", "--format", "scores", "--out", "-"),
    ("compare", "a"),
    ("dpo", "a", "--out", "b"),
])  # fmt: skip
def test_whoever_reads_it_says_the_same(bench: Bench, command: tuple[str, ...]) -> None:
    torn(bench.run / "journal.db")
    done = bench.hitl(*command)
    assert done["code"] == 1
    [line] = done["err"].splitlines()
    assert ".recover` prints the rows that can be read" in line, line


def test_what_the_refusal_says_works(bench: Bench, tmp_path: Path) -> None:
    scribbled(bench.run / "journal.db")
    said = bench.hitl("resume", "a", "--plain")["err"]
    policy = said.split("`hitl train --policy ")[1].split("`")[0]
    done = bench.hitl(
        "train", "--plain", "--run", "b", "--policy", policy, "--group-size", "2",
        "--max-new-tokens", "4", "--lang", "en", typed=["3 1"],
    )  # fmt: skip
    assert done["code"] == 0 and "kept 2 labels" in done["out"], done["err"]

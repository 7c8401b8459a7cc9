"""What the tests would notice: python -m tests.faults.mutants [rewards journal checkpoint ppo]

Each mutant is one small mistake in a copy of the code. The tests of its part are run on the copy,
and the first that fails is told. One that none of them notices has SURVIVED: a test is missing.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Mutant:
    """One mistake."""

    what: str
    """What it would do."""
    file: str
    """Below hitl/."""
    right: str
    """Stands in the file once."""
    wrong: str

    def applied(self, text: str) -> str:
        """The file's text with the mistake in it. Raises ValueError when there is no such place."""
        if text.count(self.right) != 1:
            raise ValueError(f"{self.what}: hitl/{self.file} has no one place {self.right!r}")
        return text.replace(self.right, self.wrong)


TESTS = {
    "rewards": ("tests/test_rewards.py", "tests/learn/test_advantages.py"),
    "journal": ("tests/journal",),
    "checkpoint": ("tests/test_checkpoints.py", "tests/test_manifest.py"),
    "ppo": (
        "tests/learn/test_losses.py",
        "tests/learn/test_oracle.py",
        "tests/learn/test_gradients.py",
        "tests/learn/test_step.py",
        "tests/learn/test_limits.py",
        "tests/learn/test_reading.py",
        "tests/learn/test_adam.py",
    ),
}
"""What is run, in this order."""

MUTANTS: dict[str, tuple[Mutant, ...]] = {
    "rewards": (
        Mutant("the worst of a ranking is rewarded", "rewards.py",
               "return 1 - 2 * place / (n - 1)", "return 2 * place / (n - 1) - 1"),
        Mutant("tied completions get the better place", "rewards.py",
               "place = better + (tied - 1) / 2", "place = better"),
        Mutant("what nobody judged counts as 0", "rewards.py",
               "EXCLUDED = math.nan", "EXCLUDED = 0.0"),
        Mutant("an edit does not push the ranking behind it", "rewards.py",
               "return centred_ranks((0, *ranks))[1:]", "return centred_ranks(ranks)"),
        Mutant("a rejected completion is as good as a tied one", "rewards.py",
               "LOST = -1.0", "LOST = 0.0"),
        Mutant("one's own reward is in one's baseline", "learn/advantages.py",
               "total = same @ rewards - rewards", "total = same @ rewards"),
        Mutant("the score comes a token too early", "learn/advantages.py",
               "last = mask.sum(1) - 1", "last = mask.sum(1) - 2"),
        Mutant("the running mean outweighs the group", "learn/advantages.py",
               "weight = n / (n + shrink)", "weight = shrink / (n + shrink)"),
    ),
    "journal": (
        Mutant("nothing is committed", "journal/journal.py",
               'self._db.execute("COMMIT")', 'self._db.execute("ROLLBACK")'),
        Mutant("a commit is not on disk when it returns", "journal/file.py",
               'connection.execute("PRAGMA synchronous = FULL")',
               'connection.execute("PRAGMA synchronous = NORMAL")'),
        Mutant("judgements are not on disk any more after the first draft", "journal/journal.py",
               'self._db.execute("PRAGMA synchronous = FULL")', "pass"),
        Mutant("a changed judgement is read as it is", "journal/rows.py",
               "if checksum((key, tuple(head))) != crc:", "if False:"),
        Mutant("a trained judgement can be taken back", "journal/judgements.py",
               "if update is not None:", "if False:"),
        Mutant("an update may be left out", "journal/updates.py",
               "if stats.number != last + 1:", "if stats.number <= last:"),
        Mutant("an update's labels come back in another order", "journal/updates.py",
               "ORDER BY j.position", "ORDER BY j.id DESC"),
        Mutant("one judgement is learned from twice", "journal/queries.py",
               "undone IS NULL AND aside IS NULL AND update_id IS NULL",
               "undone IS NULL AND aside IS NULL"),
        Mutant("options changed on the road not taken hold", "journal/updates.py",
               "after < ways[branch]", "after <= ways[branch]"),
    ),
    "checkpoint": (
        Mutant("flipped bits are loaded", "manifest.py",
               "if not quick and _entry(path) != entry:", "if False:"),
        Mutant("the files may not be on disk when the manifest is", "checkpoints.py",
               "        sync_tree(temporary)\n", ""),
        Mutant("the name may not be on disk when it is said to be", "checkpoints.py",
               "                sync(self._directory)\n", ""),
        Mutant("an update's own checkpoint is discarded with the later ones", "checkpoints.py",
               "if newer > version:", "if newer >= version:"),
        Mutant("broken ones count among those that are kept", "checkpoints.py",
               "intact += self._problem(version) is None", "intact += 1"),
        Mutant("one more than asked for is kept", "checkpoints.py",
               "if intact < self._keep:", "if intact <= self._keep:"),
        Mutant("what was not written right is committed", "checkpoints.py",
               "        if problem is not None:\n            raise OSError(",
               "        if False:\n            raise OSError("),
    ),
    "ppo": (
        Mutant("the better of plain and clipped is taken", "learn/losses.py",
               "return torch.maximum(plain, clipped)", "return torch.minimum(plain, clipped)"),
        Mutant("the ratio is upside down", "learn/losses.py",
               "torch.exp(logp - old_logp)", "torch.exp(old_logp - logp)"),
        Mutant("the value's loss is never clipped", "learn/losses.py",
               "(values - old_values).clamp(-cliprange, cliprange)", "(values - old_values)"),
        Mutant("padding takes part in the loss", "learn/ppo.py",
               "(torch.where(mask, loss, 0.0).sum() / count)", "(loss.sum() / count)"),
        Mutant("accumulated gradients are not averaged", "learn/ppo.py",
               "count = tokens * config.gradient_accumulation_steps", "count = tokens"),
        Mutant("returns are the advantages alone", "learn/ppo.py",
               "advantages + values, 0.0", "advantages, 0.0"),
        Mutant("the next value has the wrong sign", "learn/advantages.py",
               "+ gamma * next_value", "- gamma * next_value"),
        Mutant("a pass that went too far stays", "learn/along.py",
               "if measured <= most:", "if True:"),
        Mutant("where the last search led is forgotten", "learn/limits.py",
               "return min(self.length * change(STEP.goal * stop_kl, self.now.distance, 2.0), 1.0)",
               "return 1.0"),
        Mutant("the KL is measured the other way round", "learn/reading.py",
               "kls.append(full_kl(mine, theirs))", "kls.append(full_kl(theirs, mine))"),
        Mutant("a distance is measured from the reference", "learn/reading.py",
               "kept.copy_(mine[: len(kept)])", "kept.copy_(theirs[: len(kept)])"),
        Mutant("the second moment begins anew with each step", "learn/adam.py",
               "if not state:", "if True:"),
    ),
}  # fmt: skip


def main(parts: list[str]) -> int:
    """Exit code 1 when a mutant survived."""
    survived = 0
    print("| part | mutant | caught by |\n|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        copy = copied(Path(folder) / "copy")
        for part in parts or TESTS:
            if (failed := first_failure(copy, TESTS[part])) is not None:
                raise SystemExit(f"{failed} fails without any mutant: nothing can be seen")
            for mutant in MUTANTS[part]:
                caught = noticed(copy, mutant, TESTS[part])
                survived += caught is None
                print(f"| {part} | {mutant.what} | {caught or 'SURVIVED'} |", flush=True)
    return 1 if survived else 0


def copied(to: Path) -> Path:
    """What the tests need, where nothing else looks."""
    for name in ("hitl", "tests"):
        shutil.copytree(ROOT / name, to / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", to)
    for name in ("checkpoints", "prompts"):
        (to / name).symlink_to(ROOT / name)
    return to


def noticed(copy: Path, mutant: Mutant, tests: tuple[str, ...]) -> str | None:
    """The first test that fails with the mutant in the copy; None when all pass."""
    path = copy / "hitl" / mutant.file
    right = path.read_text("utf-8")
    path.write_text(mutant.applied(right), "utf-8")
    try:
        return first_failure(copy, tests)
    finally:
        path.write_text(right, "utf-8")


def first_failure(copy: Path, tests: tuple[str, ...]) -> str | None:
    """The first test that fails in the copy; None when all pass."""
    done = subprocess.run(
        [sys.executable, "-B", "-m", "pytest", "-x", "-q", "-rfE", "-p", "no:cacheprovider",
         "-m", "not slow", *tests],
        cwd=copy, env=os.environ | {"PYTHONPATH": str(copy), "COLUMNS": "300"},
        capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode == 0:
        return None
    found = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", done.stdout, re.M)
    return found[1] if found else f"pytest {done.returncode}: {done.stdout[-300:]}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

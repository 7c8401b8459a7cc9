"""A run that is killed by a plan, resumed until it is done, and looked at after every kill."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hitl.commands.replay import replay
from hitl.config.commands import Replay
from hitl.journal import Journal
from hitl.records import JudgedGroup, Scores

from .operators import mark_of, scores_of, shown
from .plans import Kill
from .stint import Case, sit


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    kills: int
    """Stints that did end by SIGKILL."""
    problems: tuple[str, ...]
    """Invariants that were broken."""
    updates: int
    labels: int
    weights: tuple[str, str, str]
    """Digest in the journal; SHA-256 of the checkpoint's policy, and of its trainer's state."""


def kill_and_finish(case: Case, kills: Sequence[Kill], mood: int = 0) -> Outcome:
    """Sits at the run once for each kill, and then undisturbed until it has its labels."""
    problems: list[str] = []
    killed = 0
    undisturbed: list[Kill | None] = [None]
    stint = -1
    for kill in itertools.chain(kills, undisturbed):
        stint += 1
        code = sit(case, kill, mood * 1000 + stint)
        killed += code == -9
        if code not in (0, -9):
            problems.append(f"stint {stint} ({kill}) ended with {code}")
        problems += [f"after stint {stint} ({kill}): {p}" for p in broken_promises(case)]
        if kill is None and case.batch_waits() and len(undisturbed) < 5:
            undisturbed.append(None)  # with groups ahead, one may leave before the last update
    if problems:
        problems.append(case.log.read_text()[-2000:])
    return _outcome(case, killed, problems)


def broken_promises(case: Case) -> list[str]:
    """What a run owes its operator at every moment, also between two stints."""
    acknowledged = case.minutes.acknowledged()
    if not (case.run / "journal.db").exists():
        return ["the journal is gone"] if acknowledged else []
    with tempfile.TemporaryDirectory(dir=case.root) as folder:
        # A copy: to look at the original would tidy it up before the next stint has to.
        for path in case.run.glob("journal.db*"):
            shutil.copy(path, folder)
        with Journal.open(Path(folder, "journal.db")) as journal:
            judged = journal.judged()
            updates = journal.updates()
            batches = [journal.update_batch(stats.number) for stats in updates]
            pending = journal.pending()
    found = []
    if lost := acknowledged - {mark_of(*shown(j.group)) for j in judged}:
        found.append(f"{len(lost)} acknowledged judgements are not in the journal")
    if wrong := [j.id for j in judged if not _as_given(j)]:
        found.append(f"judgements {wrong} are not what was said")
    times = Counter(j.id for batch in batches for j in batch)
    if twice := [identity for identity, count in times.items() if count > 1]:
        found.append(f"judgements {twice} were learned twice")
    if len(times) + len(pending) != len(judged):
        found.append(f"{len(judged)} judgements, {len(times)} learned, {len(pending)} waiting")
    if [stats.number for stats in updates] != list(range(1, len(updates) + 1)):
        found.append("the updates are not numbered 1, 2, 3 …")
    return found


def replayed(case: Case) -> bool:
    """Whether `hitl replay` finds the very weights."""
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        return replay(Replay(run="run", root=str(case.root))) == 0


def _as_given(judged: JudgedGroup) -> bool:
    said = judged.judgement.verdict
    return isinstance(said, Scores) and said.values == scores_of(*shown(judged.group))


def _outcome(case: Case, killed: int, problems: list[str]) -> Outcome:
    with Journal.open(case.run / "journal.db", readonly=True) as journal:
        totals, updates = journal.totals(), journal.updates()
    newest = max((case.run / "steps").iterdir())
    files = json.loads((newest / "manifest.json").read_text())["files"]
    state = json.loads((newest / "state.json").read_text())
    if updates and (state["version"], state["last"]["digest"]) != (
        updates[-1].number, updates[-1].digest,
    ):  # fmt: skip
        problems.append("the newest checkpoint is not of the last update")
    return Outcome(
        killed,
        tuple(problems),
        len(updates),
        totals.labels,
        (
            updates[-1].digest,
            files["policy/model.safetensors"]["sha256"],
            files["trainer.safetensors"]["sha256"],
        ),
    )

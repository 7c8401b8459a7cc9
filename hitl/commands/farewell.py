"""What a person is told when they leave the terminal UI."""

from __future__ import annotations

from hitl.errors import HitlError
from hitl.journal import Journal
from hitl.rundir import RunDir
from hitl.wording import Sentence, Translator


def mark(run_dir: RunDir) -> int:
    """Where the session begins; 0 for a journal that cannot be read, which is said elsewhere."""
    try:
        with Journal.open(run_dir.journal_path, readonly=True) as journal:
            newest = journal.judged(0, 1)
    except HitlError:
        return 0
    return newest[0].id if newest else 0


def say_farewell(run_dir: RunDir, since: int, tr: Translator) -> None:
    """That the run is saved, and how the session that began at `since` went."""
    from hitl.quality import sentences
    from hitl.run_quality import quality_of

    found = quality_of(run_dir, since)
    if found.judgements:
        print(tr("this session:"))
        for line in sentences(found):
            print(f"  {tr(line)}")
    for line in saved(run_dir):
        print(tr(line))


def saved(run_dir: RunDir) -> list[Sentence]:
    """Where the run is, and its rank lists if it was for them."""
    lines = [Sentence("run {run} is saved: hitl resume {run}", run=run_dir.name)]
    if run_dir.rank_lists_path.exists():
        lines.insert(0, Sentence("rank lists: {path}", path=run_dir.rank_lists_path))
    return lines

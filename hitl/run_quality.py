"""The judgements of a run, or of a session at it, read for the operator's figures."""

from __future__ import annotations

from hitl.quality import Quality, quality
from hitl.repeats import repeats_of
from hitl.rundir import RunDir
from hitl.salvage import reading


def quality_of(run_dir: RunDir, after: int = 0) -> Quality:
    """Of the live judgements with a number above `after`. Groups shown again count for all of the
    run: they are few."""
    with reading(run_dir) as journal:
        judgements = journal.judgements(after)
        repeats = [r for r in repeats_of(journal.events()) if r.verdict is not None]
        first = {r.judgement: journal.find(r.judgement) for r in repeats}
    again = [
        (before.judgement.verdict, r.verdict)
        for r in repeats
        if (before := first[r.judgement]) is not None and r.verdict is not None
    ]
    return quality(judgements, again)

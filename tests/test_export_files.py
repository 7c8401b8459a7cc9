"""The files that labels leave the program in."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from hitl.export_files import labels_file
from hitl.journal import Journal
from hitl.journal.listing import ALL, Filter
from hitl.records import Scores
from hitl.rundir import RunDir
from tests.journal_data import group, judgement


def test_a_label_does_not_hang_on_which_others_are_written_with_it(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path, "ab", {"options": {"lang": "zh", "mode": "score"}})
    rewards = ((-0.5, 0.0, None), (0.25, 0.5, None))  # of a model: the scale is 1-5
    with Journal.open(run.journal_path) as journal:
        journal.add_groups([group(1), group(2)])
        for number, scores in enumerate(rewards, 1):
            said = judgement(number, verdict=Scores(scores))
            journal.append(replace(said, operator=f"m{number}"))

    def labels(which: Filter) -> list[float]:
        content, _ = labels_file(run, "scores", which)
        return [json.loads(line)["label"] for line in content.splitlines()]

    assert labels(ALL) == [0.0, 0.5, 0.75, 1.0]
    assert labels(Filter(operator="m2")) == [0.75, 1.0]

"""Whatever is done in whatever order: nothing consumed twice, nothing lost."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hitl.journal import Journal, JournalError
from hitl.records import Scores, Skip
from tests.journal_data import group, judgement, stats

picks = st.integers(0, 10**6)


class Sequences(RuleBasedStateMachine):
    """The journal against lists in memory."""

    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.journal = Journal.open(self.folder / "journal.db", create=True)
        # A disk write a step would make the search slow, and is not what is tested here.
        self.journal._db.execute("PRAGMA synchronous = OFF")
        self.open: list[tuple[int, int]] = []
        self.pending: list[tuple[int, tuple[int, int]]] = []
        self.aside: list[tuple[int, tuple[int, int]]] = []
        self.alive: list[int] = []
        self.batches: list[list[int]] = []
        self.trained: set[int] = set()
        self.number = 0

    def teardown(self) -> None:
        if hasattr(self, "journal"):
            self.journal.close()
            shutil.rmtree(self.folder)

    @rule(count=st.integers(1, 4))
    def sample(self, count: int) -> None:
        new = range(self.number + 1, self.number + 1 + count)
        self.journal.add_groups([group(n) for n in new])
        self.open += [(n, 0) for n in new]
        self.number += count

    @precondition(lambda self: self.open)
    @rule(pick=picks, skip=st.booleans())
    def judge(self, pick: int, skip: bool) -> None:
        key = self.open.pop(pick % len(self.open))
        verdict = Skip() if skip else Scores((1.0, None, 2.0))
        identity = self.journal.append(judgement(*key, verdict=verdict))
        assert identity not in self.alive and identity not in self.trained
        self.pending.append((identity, key))
        self.alive.append(identity)

    @precondition(lambda self: self.pending or self.aside)
    @rule(pick=picks)
    def undo(self, pick: int) -> None:
        both = self.pending + self.aside
        identity, key = both[pick % len(both)]
        self.journal.undo(identity)
        for part in (self.pending, self.aside):
            if (identity, key) in part:
                part.remove((identity, key))
        self.alive.remove(identity)
        self.open.append(key)

    @precondition(lambda self: self.trained)
    @rule(pick=picks)
    def undo_trained(self, pick: int) -> None:
        identity = sorted(self.trained)[pick % len(self.trained)]
        with pytest.raises(JournalError):
            self.journal.undo(identity)
        with pytest.raises(JournalError):
            self.journal.set_aside([identity], "not a number")
        with pytest.raises(JournalError):
            self.journal.record_update(stats(len(self.batches) + 1), [identity])

    @precondition(lambda self: self.open)
    @rule(pick=picks)
    def drop(self, pick: int) -> None:
        self.journal.drop_group(self.open.pop(pick % len(self.open)), "resampled")

    @precondition(lambda self: self.pending)
    @rule(pick=picks)
    def update(self, pick: int) -> None:
        count = 1 + pick % len(self.pending)
        batch = [identity for identity, _ in self.pending[:count]]
        self.journal.record_update(stats(len(self.batches) + 1), batch)
        self.journal.record_update(stats(len(self.batches) + 1), batch)
        self.pending = self.pending[count:]
        self.batches.append(batch)
        self.trained |= set(batch)

    @precondition(lambda self: self.pending)
    @rule(pick=picks)
    def set_aside(self, pick: int) -> None:
        one = self.pending.pop(pick % len(self.pending))
        self.journal.set_aside([one[0]], "not a number")
        self.aside.append(one)

    @rule(pick=picks)
    def rollback(self, pick: int) -> None:
        at = pick % (len(self.batches) + 1)
        self.journal.rollback(at)
        self.batches = self.batches[:at]
        self.open, self.pending, self.aside = [], [], []

    @rule()
    def reopen(self) -> None:
        self.journal.close()
        self.journal = Journal.open(self.folder / "journal.db")
        self.journal._db.execute("PRAGMA synchronous = OFF")

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "journal"):
            return
        assert [g.key for g in self.journal.open_groups()] == sorted(self.open)
        assert [(j.id, j.group.key) for j in self.journal.pending()] == self.pending
        judged = self.journal.judged()[::-1]
        assert [j.id for j in judged] == self.alive
        read = [(t.prompt, t.texts, t.finished, t.judgement) for t in self.journal.texts()]
        assert read == [
            (
                j.group.prompt,
                tuple(c.text for c in j.group.completions),
                tuple(c.finished for c in j.group.completions),
                j.judgement,
            )
            for j in judged
        ]
        assert [s.number for s in self.journal.updates()] == [
            n + 1 for n in range(len(self.batches))
        ]
        for number, batch in enumerate(self.batches, 1):
            assert [j.id for j in self.journal.update_batch(number)] == batch
        assert self.journal.totals().judgements == len(self.alive)
        consumed = self.journal._db.execute(
            "SELECT id FROM judgements WHERE update_id IS NOT NULL"
        ).fetchall()
        assert {identity for (identity,) in consumed} == self.trained


TestSequences = Sequences.TestCase
TestSequences.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)

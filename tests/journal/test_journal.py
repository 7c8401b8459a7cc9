"""The journal keeps what it acknowledged, gives it back bit for bit, and trains nothing twice."""

from __future__ import annotations

import dataclasses
import math
import sqlite3
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hitl.journal import Journal, JournalError
from hitl.journal.rows import group_rows, judgement_row, read_group, read_judgement
from hitl.records import Completion, Edit, Group, Judgement, Ranking, Scores, Skip
from tests import journal_data as data
from tests.journal_data import group, judgement, stats


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "journal.db", create=True) as opened:
        yield opened


def bits(record: Group) -> bytes:
    """All log-probabilities of a group, to compare NaN with NaN and -0.0 with 0.0."""
    values = [value for completion in record.completions for value in completion.logprobs]
    return struct.pack(f"<{len(values)}d", *values)


def without_floats(record: Group) -> Group:
    emptied = tuple(dataclasses.replace(c, logprobs=()) for c in record.completions)
    return dataclasses.replace(record, completions=emptied)


# --- round trips --------------------------------------------------------------------------------


@given(st.data())
def test_any_group_and_judgement_come_back_from_their_rows(draw: st.DataObject) -> None:
    sampled = draw.draw(data.groups())
    head, completions = group_rows(sampled)
    again = read_group(head, completions)
    assert without_floats(again) == without_floats(sampled)
    assert bits(again) == bits(sampled)

    said = draw.draw(data.judgements_of(sampled))
    assert read_judgement(judgement_row(said), sampled.key) == said


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_group_and_judgement_come_back_from_the_file(draw: st.DataObject) -> None:
    sampled = draw.draw(data.groups())
    said = draw.draw(data.judgements_of(sampled))
    with TemporaryDirectory() as folder:
        path = Path(folder, "journal.db")
        with Journal.open(path, create=True) as journal:
            journal.add_groups([sampled])
            number = journal.append(said)
        with Journal.open(path) as journal:
            [found] = journal.pending()
            assert journal.last_group_number() == sampled.prompt.number
    assert (found.id, found.judgement) == (number, said)
    assert without_floats(found.group) == without_floats(sampled)
    assert bits(found.group) == bits(sampled)


def test_float32_values_take_four_bytes_and_others_stay_exact() -> None:
    third = struct.unpack("<f", struct.pack("<f", 1 / 3))[0]
    for values, size in (((third, -0.0, math.inf), 12), ((third, 1 / 3), 16), ((1e300,), 8)):
        sampled = dataclasses.replace(
            group(1), completions=(Completion("x", tuple(range(len(values))), values, True),)
        )
        head, rows = group_rows(sampled)
        assert len(rows[0][3]) == size  # type: ignore[arg-type]
        assert read_group(head, rows).completions[0].logprobs == values


def test_a_broken_character_is_replaced_and_the_label_kept(journal: Journal) -> None:
    journal.add_groups([group(1)])
    journal.append(
        dataclasses.replace(judgement(1, verdict=Edit("好\udce4")), note="\ud83d\ude00 \ud800")
    )
    [found] = journal.pending()
    assert found.judgement.verdict == Edit("好\ufffd")
    assert found.judgement.note == "😀 \ufffd"


def test_statistics_come_back_also_when_they_are_not_numbers(journal: Journal) -> None:
    odd = dataclasses.replace(stats(1), reward=math.nan, policy_loss=-math.inf)
    journal.record_update(odd, [])
    [found] = journal.updates()
    assert math.isnan(found.reward)
    assert dataclasses.replace(found, reward=0.0) == dataclasses.replace(odd, reward=0.0)
    [text] = sqlite3.connect(journal.path).execute("SELECT stats FROM updates").fetchone()
    assert "NaN" not in text


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (Completion("x", (1, 2), (-0.5,), True), "2 tokens with 1 log-prob"),
        (Completion("x", (2**31,), (-0.5,), True), "32-bit"),
    ],
)
def test_a_group_that_cannot_be_stored_stores_nothing(
    journal: Journal, broken: Completion, words: str
) -> None:
    with pytest.raises(JournalError, match=words):
        journal.add_groups([group(1), dataclasses.replace(group(2), completions=(broken,))])
    assert journal.open_groups() == []


# --- groups -------------------------------------------------------------------------------------


def test_adding_again_is_nothing_but_a_newer_policy_replaces_the_unjudged(
    journal: Journal,
) -> None:
    journal.add_groups([group(1), group(2)])
    journal.append(judgement(1))
    journal.save_draft((2, 0), ("4", ""))
    journal.add_groups([group(1), group(2)])
    assert journal.draft((2, 0)) == ("4", "")
    journal.add_groups([group(1, version=1), group(2, version=1)])
    journal.add_groups([group(2, version=0)])
    assert journal.open_groups() == [group(2, version=1)]
    assert journal.draft((2, 0)) is None
    assert journal.pending()[0].group == group(1)
    assert journal.totals().groups == 2


def test_a_replaced_group_keeps_the_judgement_that_was_taken_back(journal: Journal) -> None:
    journal.add_groups([group(1)])
    journal.undo(journal.append(judgement(1)))
    journal.add_groups([group(1, version=3)])
    assert journal.open_groups() == [group(1, version=3)]
    number = journal.append(judgement(1))
    assert [(j.id, j.group) for j in journal.pending()] == [(number, group(1, version=3))]


def test_open_groups_come_by_number_and_an_undone_one_is_first(journal: Journal) -> None:
    journal.add_groups([group(3), group(1), group(2, attempt=1), group(2)])
    first = journal.append(judgement(1))
    assert [g.key for g in journal.open_groups()] == [(2, 0), (2, 1), (3, 0)]
    journal.drop_group((2, 0), "resampled")
    journal.undo(first)
    assert [g.key for g in journal.open_groups()] == [(1, 0), (2, 1), (3, 0)]
    assert journal.last_group_number() == 3


def test_a_dropped_group_is_gone_for_good(journal: Journal) -> None:
    journal.add_groups([group(1)])
    journal.save_draft((1, 0), ("3",))
    journal.drop_group((1, 0), "resampled")
    journal.add_groups([group(1, version=9)])
    assert journal.open_groups() == []
    assert journal.draft((1, 0)) is None
    with pytest.raises(JournalError, match="put away"):
        journal.drop_group((1, 0), "again")
    assert journal.totals().groups == 1


def test_drafts(journal: Journal) -> None:
    journal.add_groups([group(1)])
    assert journal.draft((1, 0)) is None
    journal.save_draft((1, 0), ("4", "", "好\ud800"))
    assert journal.draft((1, 0)) == ("4", "", "好\ufffd")
    journal.append(judgement(1))
    assert journal.draft((1, 0)) is None
    journal.save_draft((1, 0), ("late",))
    journal.save_draft((7, 0), ("unknown",))
    assert journal.draft((1, 0)) is None
    assert journal.draft((7, 0)) is None


def test_a_draft_does_not_leave_later_judgements_unsynced(journal: Journal) -> None:
    journal.add_groups([group(1)])
    journal.save_draft((1, 0), ("4",))
    assert journal._db.execute("PRAGMA synchronous").fetchone() == (2,)


# --- judgements ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (judgement(9), "never sampled"),
        (judgement(1), "judged already"),
        (judgement(2), r"put away \(resampled\)"),
        (judgement(3, verdict=Scores((1.0,))), "3 completions, but 1"),
        (judgement(3, verdict=Ranking((1, 2, 3, 4))), "3 completions, but 4"),
        (judgement(3, verdict=Scores((1.0, math.nan, None))), "finite"),
    ],
)
def test_judgements_that_are_refused(journal: Journal, said: Judgement, words: str) -> None:
    journal.add_groups([group(1), group(2), group(3)])
    journal.append(judgement(1))
    journal.drop_group((2, 0), "resampled")
    before = journal.totals()
    with pytest.raises(JournalError, match=words):
        journal.append(said)
    assert journal.totals() == before


def test_undo_until_an_update_consumed_it(journal: Journal) -> None:
    journal.add_groups([group(1), group(2)])
    first, second = journal.append(judgement(1)), journal.append(judgement(2))
    journal.undo(second)
    with pytest.raises(JournalError, match="taken back already"):
        journal.undo(second)
    assert journal.last_judged() is not None and journal.last_judged().id == first  # type: ignore[union-attr]
    third = journal.append(judgement(2, verdict=Skip()))
    assert [j.id for j in journal.pending()] == [first, third]
    journal.record_update(stats(1), [first, third])
    with pytest.raises(JournalError, match="already trained"):
        journal.undo(third)
    with pytest.raises(JournalError, match="no judgement 99"):
        journal.undo(99)
    assert journal.last_judged().id == third  # type: ignore[union-attr]
    assert journal.pending() == []
    kept = journal._db.execute("SELECT count(*) FROM judgements").fetchone()
    assert kept == (3,), "what was taken back is still a row"


def test_set_aside_is_all_or_none_and_can_be_taken_back(journal: Journal) -> None:
    journal.add_groups([group(n) for n in (1, 2, 3)])
    one, two, three = (journal.append(judgement(n)) for n in (1, 2, 3))
    journal.set_aside([two], "the update was not a number")
    with pytest.raises(JournalError, match=f"judgement {two} does not wait"):
        journal.set_aside([one, two], "again")
    with pytest.raises(JournalError, match=f"judgement {two} does not wait"):
        journal.record_update(stats(1), [one, two])
    assert [j.id for j in journal.pending()] == [one, three]
    journal.undo(two)
    assert [g.key for g in journal.open_groups()] == [(2, 0)]


def test_judged_pages_newest_first(journal: Journal) -> None:
    journal.add_groups([group(n) for n in range(1, 8)])
    ids = [journal.append(judgement(n)) for n in range(1, 8)]
    journal.undo(ids[3])
    alive = [i for i in reversed(ids) if i != ids[3]]
    assert [j.id for j in journal.judged(0, 3)] == alive[:3]
    assert [j.id for j in journal.judged(2, 3)] == alive[2:5]
    assert [j.id for j in journal.judged(5)] == alive[5:]
    assert [j.id for j in journal.judged()] == alive
    assert [j.id for j in journal.pending(2)] == [ids[0], ids[1]]


# --- updates ------------------------------------------------------------------------------------


def test_an_update_is_recorded_once(journal: Journal) -> None:
    journal.add_groups([group(n) for n in (1, 2, 3)])
    one, two, three = (journal.append(judgement(n)) for n in (1, 2, 3))
    with pytest.raises(JournalError, match="the next one is 1"):
        journal.record_update(stats(2), [one])
    with pytest.raises(JournalError, match="named twice"):
        journal.record_update(stats(1), [one, one])
    journal.record_update(stats(1), [two, one])
    journal.record_update(stats(1, reward=9.0), [two, one])
    assert journal.updates() == [stats(1)]
    with pytest.raises(JournalError, match="with other judgements"):
        journal.record_update(stats(1), [one, two])
    with pytest.raises(JournalError, match=f"judgement {one} does not wait"):
        journal.record_update(stats(2), [three, one])
    assert [j.id for j in journal.update_batch(1)] == [two, one]
    assert [j.id for j in journal.pending()] == [three]
    with pytest.raises(JournalError, match="no update 2"):
        journal.update_batch(2)


def test_the_file_itself_refuses_to_consume_twice(journal: Journal) -> None:
    journal.add_groups([group(1)])
    number = journal.append(judgement(1))
    journal.record_update(stats(1), [number])
    journal.record_update(stats(2), [])
    with pytest.raises(sqlite3.IntegrityError, match="consumed twice"):
        journal._db.execute("UPDATE judgements SET update_id = 2 WHERE id = ?", (number,))


def test_rollback_leaves_later_updates_behind(journal: Journal) -> None:
    journal.add_groups([group(n) for n in range(1, 7)])
    ids = [journal.append(judgement(n)) for n in range(1, 6)]
    for number in (1, 2, 3):
        journal.event("lr", {"after": number - 1})
        journal.record_update(stats(number), [ids[number - 1]])
    journal.set_aside([ids[3]], "nan")
    journal.rollback(1)

    assert journal.last_update() == 1
    assert journal.updates() == [stats(1)]
    assert [e.data["after"] for e in journal.events()] == [0]
    assert journal.pending() == [] and journal.open_groups() == []
    assert journal.last_judged() is None
    assert len(journal.judged()) == 5, "labels stay for export"
    assert journal.totals().reward == 1.5 and journal.totals().updates == 1
    with pytest.raises(JournalError, match="no update 2"):
        journal.update_batch(2)
    with pytest.raises(JournalError, match="does not wait"):
        journal.record_update(stats(2), [ids[4]])
    with pytest.raises(JournalError, match="rolled back"):
        journal.append(judgement(6))
    with pytest.raises(JournalError, match="rolled back"):
        journal.add_groups([group(6, version=7)])

    assert journal.last_group_number() == 6
    journal.add_groups([group(7, version=1)])
    new = journal.append(judgement(7))
    journal.event("lr", {"after": "new"})
    journal.record_update(stats(2, reward=7.0), [new])
    assert journal.updates() == [stats(1), stats(2, reward=7.0)]
    assert [j.id for j in journal.update_batch(1)] == [ids[0]]
    assert [e.data["after"] for e in journal.events()] == [0, "new"]

    journal.rollback(2)
    journal.rollback(1)
    assert journal.updates() == [stats(1)]
    journal.record_update(stats(2, reward=8.0), [])
    journal.rollback(0)
    assert journal.updates() == [] and journal.last_update() == 0 and journal.events() == []
    with pytest.raises(JournalError, match="cannot go back to update 1: it has had 0"):
        journal.rollback(1)
    with pytest.raises(JournalError, match="cannot go back"):
        journal.rollback(-1)


def test_totals(journal: Journal) -> None:
    assert journal.totals().reward is None
    journal.add_groups([group(n) for n in (1, 2, 3)])
    one = journal.append(judgement(1))
    journal.undo(journal.append(judgement(2)))
    journal.append(judgement(2, verdict=Skip(), keys=" "))
    journal.record_update(stats(1), [one])
    journal.append(judgement(3))
    found = journal.totals()
    assert (found.groups, found.judgements, found.labels, found.pending_labels) == (3, 3, 4, 2)
    assert (found.keystrokes, found.seconds) == (3 * 3 + 1, 4 * 2.25)
    assert (found.updates, found.reward) == (1, 1.5)


def test_events_must_be_json(journal: Journal) -> None:
    journal.event("lr", {"from": 1e-4, "to": 3e-5, "为": "KL"})
    [entry] = journal.events()
    assert (entry.kind, entry.data) == ("lr", {"from": 1e-4, "to": 3e-5, "为": "KL"})
    for bad in ({"x": math.nan}, {"x": object()}):
        with pytest.raises(JournalError, match="cannot store"):
            journal.event("lr", bad)
    assert len(journal.events()) == 1


def test_many_threads(journal: Journal) -> None:
    journal.add_groups([group(n) for n in range(1, 41)])
    failures: list[BaseException] = []

    def work(start: int) -> None:
        try:
            for number in range(start, 41, 4):
                journal.save_draft((number, 0), ("1",))
                journal.append(judgement(number))
                journal.pending()
                journal.totals()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(start,)) for start in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(j.group.prompt.number for j in journal.pending()) == list(range(1, 41))


def test_a_closed_journal_says_so(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal.db", create=True)
    journal.close()
    journal.close()
    with pytest.raises(JournalError, match="closed"):
        journal.pending()

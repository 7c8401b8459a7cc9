"""Line mode, from what is typed to what is judged and printed."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest

from hitl.operator import (
    Desk,
    Draft,
    Judged,
    Notice,
    OwnPrompt,
    Progress,
    Quit,
    Reply,
    Resample,
    Save,
    Saved,
    Undo,
    Undone,
    Updated,
    Waiting,
)
from hitl.plain import PlainOperator
from hitl.records import (
    Completion,
    Edit,
    Group,
    Judgement,
    Mode,
    Prompt,
    Ranking,
    Scores,
    Skip,
    UpdateStats,
)
from hitl.scale import Scale

TYPE_4 = 'type 4 numbers from 1 to 5, such as "3 4 1 5", or skip'
ASK = (
    'type 4 numbers from 1 to 5, such as "3 4 1 5" '
    "(or skip, undo, edit, resample, save, quit, help)"
)

STATS = UpdateStats(
    number=3,
    labels=8,
    reward=3.25,
    reward_std=0.875,
    sequence_kl=0.4321,
    kl_coef=0.2,
    policy_loss=-0.02,
    value_loss=0.14,
    entropy=2.0,
    clip_fraction=0.0,
    step_kl=0.01,
    gradient_norm=1.0,
    epochs=4,
    seconds=1.84,
    notices=("stopped after 4 passes: KL",),
)


def desk(
    texts: Sequence[str] = ("，天", "。夜", "风", "雨"),
    *,
    mode: Mode = Mode.SCORE,
    shown: tuple[int, ...] | None = None,
    draft: tuple[str, ...] | None = None,
    number: int = 1,
) -> Desk:
    completions = tuple(Completion(text, (1,), (-0.5,), True) for text in texts)
    return Desk(
        group=Group(Prompt("春", number), (1,), completions, policy_version=0),
        mode=mode,
        shown=tuple(range(len(texts))) if shown is None else shown,
        batch_labels=0,
        batch_size=8,
        ready=0,
        draft=None if draft is None else Draft(draft),
        save_draft=lambda _: None,
    )


class Stint:
    """An operator that types `typed`."""

    def __init__(self, typed: str) -> None:
        self.writer = io.StringIO()
        self.operator = PlainOperator("ann", Scale(1, 5), io.StringIO(typed), self.writer)

    def judge(self, of: Desk | None = None) -> Reply:
        return self.operator.judge(of or desk())

    @property
    def lines(self) -> list[str]:
        return self.writer.getvalue().splitlines()


def test_a_group_is_shown_and_its_line_is_the_judgement() -> None:
    stint = Stint(" 3 4，1 5 \n")
    reply = stint.judge()
    assert stint.lines == ["", "prompt: 春", "1. ，天", "2. 。夜", "3. 风", "4. 雨", ASK]
    assert isinstance(reply, Judgement)
    assert 0 <= reply.seconds < 60
    assert replace(reply, seconds=0.0) == Judgement(
        group=(1, 0),
        verdict=Scores((3.0, 4.0, 1.0, 5.0)),
        operator="ann",
        mode=Mode.SCORE,
        keys="3 4，1 5",
        shown=(0, 1, 2, 3),
    )


def test_what_is_typed_by_place_is_kept_by_completion() -> None:
    stint = Stint("5 _ 1 2\n")
    reply = stint.judge(desk(shown=(2, 0, 3, 1)))
    assert stint.lines[2:6] == ["1. 风", "2. ，天", "3. 雨", "4. 。夜"]
    assert isinstance(reply, Judgement)
    assert reply.verdict == Scores((None, 2.0, 5.0, 1.0))
    assert reply.shown == (2, 0, 3, 1)
    assert reply.labels == 3


def test_a_ranking_by_place_is_kept_by_completion() -> None:
    reply = Stint("4 1=2\n").judge(desk(mode=Mode.RANK, shown=(2, 0, 3, 1)))
    assert isinstance(reply, Judgement)
    assert reply.mode is Mode.RANK
    assert isinstance(reply.verdict, Ranking)
    first, second, third, fourth = reply.verdict.ranks  # of places 2, 4, 1 and 3
    assert second == 1 and first == third == 2 and fourth is not None and fourth > 2


def test_a_pair() -> None:
    reply = Stint("1\n").judge(desk(("a", "b"), mode=Mode.PAIR, shown=(1, 0)))
    assert isinstance(reply, Judgement)
    assert reply.verdict == Ranking((2, 1))


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ("abc", f'"abc" is no score: {TYPE_4}'),
        ("", f"nothing was typed: {TYPE_4}"),
        ("9", f'"9" is not on the scale 1-5: {TYPE_4}'),
        ("９ ９ ９ ９", f'"9" is not on the scale 1-5: {TYPE_4}'),
        ("nan 1 1 1", f'"nan" is no score: {TYPE_4}'),
        ("inf 1 1 1", f'"inf" is no score: {TYPE_4}'),
        ("3 4 1", f"3 scores for 4 completions: {TYPE_4}"),
        ("3 4 1 5 5", f"5 scores for 4 completions: {TYPE_4}"),
        ("\udcff 1 1 1", "that line is not utf-8 text: type it again, or skip"),
    ],
)
def test_a_bad_line_costs_one_line_and_nothing_else(bad: str, sentence: str) -> None:
    stint = Stint(f"{bad}\n３ ４ １ ５\n2 2 2 2\n")
    reply = stint.judge()
    assert stint.lines[7:] == [sentence]
    assert isinstance(reply, Judgement)
    assert (reply.verdict, reply.keys) == (Scores((3.0, 4.0, 1.0, 5.0)), "３ ４ １ ５")
    following = stint.judge(desk(number=2))
    assert isinstance(following, Judgement)
    assert following.verdict == Scores((2.0,) * 4)


@pytest.mark.parametrize(
    ("typed", "reply"),
    [
        ("u\n", Undo()),
        ("resample\n", Resample()),
        ("save\n", Save()),
        ("q\n", Quit()),
        ("退出\n", Quit()),
        ("", Quit()),
        ("abc\n", Quit()),
    ],
)
def test_words_and_the_end_of_input(typed: str, reply: Reply) -> None:
    assert Stint(typed).judge() == reply


def test_skip_and_edit_are_judgements() -> None:
    skipped, edited = Stint("s\n").judge(), Stint("e 晴\n").judge()
    assert isinstance(skipped, Judgement) and skipped.verdict == Skip() and skipped.keys == "s"
    assert isinstance(edited, Judgement) and edited.verdict == Edit("晴")


def test_note_and_flag_go_with_the_judgement_and_survive() -> None:
    drafts: list[Draft] = []
    lying = replace(desk(draft=("3", "", "", "")), save_draft=drafts.append)
    stint = Stint("note 太短\nflag\nedit 2 晴\n")
    reply = stint.judge(lying)
    assert isinstance(reply, Judgement)
    assert (reply.note, reply.flag, reply.verdict) == ("太短", True, Edit("晴", of=1))
    assert drafts[-1] == Draft(("3", "", "", ""), note="太短", flag=True)
    assert stint.lines[-2:] == ["note: 太短", "flagged"]

    again = Stint("flag\nnote\n2 2 2 2\n")
    second = again.judge(replace(lying, draft=replace(drafts[-1], edit="晴")))
    assert isinstance(second, Judgement) and (second.note, second.flag) == ("", False)
    for line in ("written before: 晴", "note: 太短", "flagged", "the flag is off", "no note"):
        assert line in again.lines


def test_the_completion_that_is_rewritten_is_the_one_of_its_place() -> None:
    reply = Stint("edit 1 晴\n").judge(desk(shown=(2, 0, 3, 1)))
    assert isinstance(reply, Judgement) and reply.verdict == Edit("晴", of=2)


def test_an_own_prompt_is_asked_for() -> None:
    assert Stint("prompt 从前\n").judge() == OwnPrompt("从前")


def test_the_last_line_needs_no_line_end() -> None:
    assert isinstance(Stint("3 4 1 5").judge(), Judgement)


def test_help_is_given_and_the_group_still_waits() -> None:
    stint = Stint("?\n3 4 1 5\n")
    assert isinstance(stint.judge(), Judgement)
    assert any("take the last judgement back" in line for line in stint.lines)


def test_after_a_save_the_group_is_not_printed_again() -> None:
    stint = Stint("save\n3 4 1 5\n")
    stint.judge()
    before = len(stint.lines)
    assert isinstance(stint.judge(), Judgement)
    assert stint.lines[before:] == [ASK]


def test_a_group_that_was_judged_and_comes_again_is_printed_again() -> None:
    stint = Stint("3 4 1 5\n3 4 1 5\n")
    stint.judge()
    stint.judge()
    assert stint.lines.count("prompt: 春") == 2


@pytest.mark.parametrize(
    ("mode", "entries", "line"),
    [
        (Mode.SCORE, ("3", "4", "1", "5"), "entered before: 5 3 1 4"),
        (Mode.SCORE, ("3", "", "", ""), "entered before: ? 3 ? ?"),
        (Mode.RANK, ("2", "1", "2", ""), "entered before: 4>2=3"),
    ],
)
def test_a_draft_is_mentioned(mode: Mode, entries: tuple[str, ...], line: str) -> None:
    stint = Stint("")
    stint.judge(desk(mode=mode, shown=(3, 0, 2, 1), draft=entries))
    assert stint.lines[6] == line


@pytest.mark.parametrize("entries", [(), ("", "", "", ""), ("3",)])
def test_an_empty_draft_is_not(entries: tuple[str, ...]) -> None:
    stint = Stint("")
    stint.judge(desk(draft=entries))
    assert not any("before" in line for line in stint.lines)


def test_nothing_of_others_reaches_the_terminal_raw() -> None:
    stint = Stint("")
    evil = "\x1b[2Jred\r\n\u202etxt\x07"
    stint.judge(desk((evil, "b", "c", "d")))
    stint.operator.notify(Notice(evil))
    stint.operator.notify(Updated(replace(STATS, notices=(evil,))))
    assert "1. [2Jred txt" in stint.lines
    assert all(line.isprintable() for line in stint.lines)


def test_events_are_one_line_each() -> None:
    stint = Stint("3 4 1 5\n")
    judgement = stint.judge()
    assert isinstance(judgement, Judgement)
    before = len(stint.lines)
    for event in (
        Judged(judgement, (3.0, 4.0, 1.0, 5.0), 8),
        Judged(replace(judgement, verdict=Skip()), (), 4),
        Undone(judgement, 4),
        Undone(replace(judgement, keys=""), 4),
        Updated(STATS),
        Saved(3),
        Notice("nothing to undo yet"),
        Notice("the disk is full", "error"),
        Waiting("sample"),
        Progress("update", 1, 4),
    ):
        stint.operator.notify(event)
    assert stint.lines[before:] == [
        "kept 4 labels, 8 of 8 in the batch",
        "skipped, 4 of 8 in the batch",
        "taken back: 3 4 1 5 (4 of 8 in the batch)",
        "taken back (4 of 8 in the batch)",
        "update 3: 8 labels, reward 3.25 ± 0.88, KL 0.432 nats, loss 0.12, 4 passes, 1.8 s",
        "  stopped after 4 passes: KL",
        "saved, policy version 3",
        "nothing to undo yet",
        "error: the disk is full",
    ]


def test_events_from_many_threads_do_not_mix() -> None:
    stint = Stint("")
    said = ["a" * 200, "b" * 200]

    def say(text: str) -> None:
        for _ in range(200):
            stint.operator.notify(Notice(text))

    threads = [threading.Thread(target=say, args=(text,)) for text in said]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(stint.lines) == sorted(said * 200)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_for_a_terminal_and_is_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    stint = Stint("")
    stint.operator.notify(Progress("update", 1, 4))
    stint.operator.notify(Progress("update", 4, 4))
    stint.operator.notify(Waiting("sample"))
    stint.operator.notify(Saved(1))
    cleared = ["\r" + " " * len(text) + "\r" for text in ("training 1/4", "sampling")]
    assert terminal.getvalue() == f"training 1/4{cleared[0]}sampling{cleared[1]}"
    assert stint.lines == ["saved, policy version 1"]

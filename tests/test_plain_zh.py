"""Line mode in Chinese: what is asked, answered and refused."""

from __future__ import annotations

import io
import re

import pytest

from hitl.operator import Judged, Notice, Saved, Undone, Updated
from hitl.plain import PlainOperator
from hitl.records import Judgement, Mode, Scores
from hitl.scale import Scale
from hitl.wording import Sentence, translator

from .test_plain import STATS, desk

WORDS = "skip undo edit resample save quit help note flag prompt bad pause continue lr kl nat KL"


def told(typed: str, mode: Mode = Mode.SCORE) -> str:
    """What an operator who types `typed` reads."""
    written = io.StringIO()
    operator = PlainOperator("li", Scale(1, 5), io.StringIO(typed), written, translator("zh"))
    operator.judge(desk(mode=mode))
    for event in (
        Judged(Judgement((1, 0), Scores((1.0, 2.0)), "li", Mode.SCORE), (1.0, 2.0), 2),
        Undone(Judgement((1, 0), Scores((1.0, 2.0)), "li", Mode.SCORE), 0),
        Updated(STATS),
        Saved(3),
        Notice(Sentence("nothing to undo yet")),
        Notice(Sentence("checkpoint {name} skipped: {why}", name="12", why="–"), "warning"),
    ):
        operator.notify(event)
    return written.getvalue()


LINES = ("", "help", "1 2 3", "1 2 3 9", "1,,2", "x x x x", "nonsense", "edit", "edit 9 天气",
         "note", "flag", "prompt", "lr", "lr 天", "kl -1")  # fmt: skip


@pytest.mark.parametrize("mode", [Mode.SCORE, Mode.RANK])
@pytest.mark.parametrize("line", LINES)
def test_nothing_is_english_but_the_words_to_type(line: str, mode: Mode) -> None:
    said = told(f"{line}\n", mode).replace("stopped after 4 passes", "")  # of an old journal
    known = {*WORDS.lower().split(), *line.lower().split(), "utf", "loss"}
    english = {word for word in re.findall(r"[A-Za-z]{2,}", said) if word.lower() not in known}
    assert not english, said


def test_a_question_and_its_answers() -> None:
    said = told("1 2 3\n")
    assert "提示：春" in said
    assert "请输入：4 个 1 到 5 的数，例如“3 4 1 5”（或 skip 跳过" in said
    assert "4 条续写，却给了 3 个分数。请输入：4 个 1 到 5 的数" in said
    assert "已保存 2 个标签，本批次 2/8" in said
    assert "第 3 次更新：8 个标签，奖励 3.25 ± 0.88" in said
    assert "警告：跳过检查点 12：–" in said

"""A line of line mode, whole: a judgement, or one of the words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType

from hitl.feedback.edits import edit_of, parse_edit
from hitl.feedback.options import tune
from hitl.feedback.ranking import parse_ranking, ranking_wanted
from hitl.feedback.scores import parse_scores, scores_wanted
from hitl.feedback.typed import normalise, readable, refusal
from hitl.operator import OwnPrompt, Quit, Resample, Save, Undo
from hitl.records import Mode, Rejected, Skip, Verdict
from hitl.scale import Scale
from hitl.tuning import Tune
from hitl.wording import Sentence


@dataclass(frozen=True, slots=True)
class Help:
    """Say what can be typed. Not a reply to the session: whoever reads the lines answers it."""


@dataclass(frozen=True, slots=True)
class Note:
    """Keep this with the judgement that comes; "" takes a note back. Whoever reads the lines does
    it, as with `Help`."""

    text: str


@dataclass(frozen=True, slots=True)
class Flag:
    """Flag the group, or take the flag off."""


Command = Undo | Resample | OwnPrompt | Tune | Save | Quit | Help | Note | Flag

_WORDS: MappingProxyType[str, Skip | Command] = MappingProxyType(
    dict.fromkeys(("skip", "s", "跳过", "跳過", "略过"), Skip())
    | dict.fromkeys(("undo", "u", "撤销", "撤銷", "撤消", "回退"), Undo())
    | dict.fromkeys(("quit", "q", "exit", "退出", "结束", "結束"), Quit())
    | dict.fromkeys(("resample", "r", "重采", "重采样", "重新采样", "重抽", "换一批"), Resample())
    | dict.fromkeys(("save", "w", "保存", "儲存"), Save())
    | dict.fromkeys(("help", "h", "?", "帮助", "幫助"), Help())
    | dict.fromkeys(("pause", "暂停", "暫停"), Tune(paused=True))
    | dict.fromkeys(("continue", "继续", "繼續"), Tune(paused=False))
    | dict.fromkeys(("flag", "f", "标记", "標記"), Flag())
)
_TUNE = re.compile(r"(?P<what>lr|kl)(?:\s+|\s*[:=]\s*)(?P<value>\S.*)")
_BAD = frozenset({"bad", "b", "both bad", "都不好", "都差", "都不行"})


def _before_a_text(*words: str) -> re.Pattern[str]:
    """A text is taken as it was typed, so the word before it is matched on the raw line."""
    return re.compile(rf"\s*(?:{'|'.join(words)})(?P<sign>[:：]\s?|\s|$)(?P<text>.*)", re.I | re.S)


_EDIT = _before_a_text("e", "ｅ", "edit", "ｅｄｉｔ", "编辑", "編輯", "改写", "改寫")
_NOTE = _before_a_text("n", "ｎ", "note", "ｎｏｔｅ", "备注", "備註", "笔记", "筆記")
_PROMPT = _before_a_text("p", "ｐ", "prompt", "ｐｒｏｍｐｔ", "提示", "提示词", "提示詞")


def parse_line(text: str, mode: Mode, count: int, scale: Scale) -> Verdict | Command:
    """What one typed line says of `count` completions, in the order of the places.

    Words (English, Chinese, or the first letter) come first: skip, undo, quit, resample, save,
    help, flag, `edit 2 TEXT`, `note TEXT`, `prompt TEXT`, and of a pair `bad`. Anything else is
    scores or a ranking, as the mode says. Raises FeedbackError.
    """
    word = normalise(text).lower()
    if word in _WORDS:
        return _WORDS[word]
    if mode is Mode.PAIR and word in _BAD:
        return Rejected(count)
    if match := _EDIT.match(text):
        literal = match["sign"][:1] in (":", "：")
        return parse_edit(match["text"]) if literal else edit_of(match["text"], count)
    if match := _NOTE.match(text):
        return Note(readable(Sentence("note"), match["text"]).strip())
    if match := _PROMPT.match(text):
        prompt = readable(Sentence("prompt"), match["text"]).strip()
        if not prompt:
            raise refusal('the prompt has no text: write it behind the word: "p Once upon"')
        return OwnPrompt(prompt)
    if match := _TUNE.fullmatch(word):
        return tune(match["what"], match["value"])
    if mode is Mode.SCORE:
        return parse_scores(text, count, scale)
    return parse_ranking(text, count)


def expected(mode: Mode, count: int, scale: Scale) -> Sentence:
    """What to type, without the words: `4 numbers from 1 to 5, such as "3 4 1 5"`."""
    return scores_wanted(count, scale) if mode is Mode.SCORE else ranking_wanted(count)


def help_lines(mode: Mode, count: int, scale: Scale) -> tuple[Sentence, ...]:
    """All that can be typed, one thing a line."""
    left_out = (Sentence("_ or x in place of a number leaves that completion out"),)
    bad = (Sentence("bad (b, 都不好): both are bad, each as one that lost"),)
    return (
        Sentence("type {what}", what=expected(mode, count, scale)),
        *(left_out if mode is Mode.SCORE else ()),
        Sentence("skip (s, 跳过): no opinion, nothing is learned from these completions"),
        Sentence("undo (u, 撤销): take the last judgement back"),
        *(bad if mode is Mode.PAIR else ()),
        Sentence("edit (e, 编辑) and a text of your own: it becomes the best of its group"),
        Sentence(
            "edit 2 and a text: completion 2 as it should be (a text that begins with a number "
            "needs the colon of edit:)"
        ),
        Sentence(
            "note (n, 备注) and a text: kept with the judgement; alone it takes the note back"
        ),
        Sentence("flag (f, 标记): flag these completions, or take the flag off"),
        Sentence("prompt (p, 提示) and a text: your own prompt comes next"),
        Sentence("resample (r, 重采): other completions of the same prompt"),
        Sentence("pause (暂停), continue (继续): judge without updates, and with them again"),
        Sentence(
            "lr and a number, kl and a number of nats: learning rate and KL budget of later updates"
        ),
        Sentence("save (w, 保存): write a checkpoint now"),
        Sentence("quit (q, 退出): save and leave"),
    )

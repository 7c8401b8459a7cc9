"""A typed line -> scores, a ranking, an edit, a skip or a command; or one clear sentence why not.

Pure text. What is typed names *places*, top to bottom as shown; `in_group_order` turns a verdict on
places into one on the completions of the group.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from hitl.errors import UsageError
from hitl.operator import OwnPrompt, Quit, Resample, Save, Undo
from hitl.records import Edit, Mode, Ranking, Rejected, Scores, Skip, Verdict
from hitl.scale import Scale
from hitl.text import safe
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
T = TypeVar("T")


class FeedbackError(UsageError):
    """A line that says nothing usable: one sentence, what was wrong and what is expected."""


# The signs an IME or a typographic keyboard makes of comma, minus, dot and comparison, as far as
# NFKC leaves them alone.
_ASCII = MappingProxyType(
    dict.fromkeys(map(ord, "、；;؛"), ",")
    | dict.fromkeys(map(ord, "−–—‐‒―"), "-")
    | dict.fromkeys(map(ord, "。·"), ".")
    | dict.fromkeys(map(ord, "〉》≻"), ">")
)
# ASCII digits only: float() would also read "nan", "1_000" and the digits of other scripts.
_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[-+]?[0-9]+)?", re.I)
# Not "-": on a scale below zero, "0 - 1" is a slip for "0 -1", not three scores.
_LEFT_OUT = frozenset({"_", "x", "×"})
_TIES = frozenset({"=", "=="})

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
_OPTION = re.compile(r"\b(?P<what>lr|kl)[\s:=]*(?P<value>[^\s,]+)")
_BAD = frozenset({"bad", "b", "both bad", "都不好", "都差", "都不行"})


def _before_a_text(*words: str) -> re.Pattern[str]:
    """A text is taken as it was typed, so the word before it is matched on the raw line."""
    return re.compile(rf"\s*(?:{'|'.join(words)})(?P<sign>[:：]\s?|\s|$)(?P<text>.*)", re.I | re.S)


_EDIT = _before_a_text("e", "ｅ", "edit", "ｅｄｉｔ", "编辑", "編輯", "改写", "改寫")
_NOTE = _before_a_text("n", "ｎ", "note", "ｎｏｔｅ", "备注", "備註", "笔记", "筆記")
_PROMPT = _before_a_text("p", "ｐ", "prompt", "ｐｒｏｍｐｔ", "提示", "提示词", "提示詞")
_PLACE = re.compile(r"\s*(?P<place>[0-9０-９]{1,6})\s+(?P<text>.*)", re.S)

_UNREADABLE = re.compile("[\ud800-\udfff\ufffd]")  # what is left of bytes in another encoding


def normalise(text: str) -> str:
    """`text` with full-width forms and the variants of comma, minus, dot and space in ASCII, no
    invisible characters (a byte-order mark leads many files), and no space at either end."""
    # Where "_" was meant, a Chinese IME writes two dashes.
    plain = unicodedata.normalize("NFKC", text).replace("\u2014\u2014", "_").translate(_ASCII)
    return "".join(c for c in plain if unicodedata.category(c) != "Cf").strip()


def parse_scores(text: str, count: int, scale: Scale) -> Scores:
    """`3 4 1 5`, `3,4,1,5` or both mixed; `_` or `x` alone leaves that completion out.

    Raises FeedbackError for anything but `count` numbers on the scale.
    """
    wanted = Sentence("type {what}, or skip", what=_scores_wanted(count, scale))
    line = normalise(text)
    if not line:
        raise _error("nothing was typed: {wanted}", wanted=wanted)
    fields = [field.split() for field in line.removesuffix(",").split(",")]
    if not all(fields):
        raise _error("there is nothing between two commas: {wanted}", wanted=wanted)
    values = [_score(token, scale, wanted) for field in fields for token in field]
    if len(values) != count:
        raise _error(
            "{scores} for {completions}: {wanted}",
            scores=_scores(len(values)),
            completions=_completions(count),
            wanted=wanted,
        )
    if all(value is None for value in values):
        raise _error("every completion is left out: {wanted}", wanted=wanted)
    return Scores(tuple(values))


def parse_ranking(text: str, count: int) -> Ranking:
    """Places best to worst: `3 1 4 2`, `3142`, `3>1=4>2`, `3 1=4 2`; `=` ties with the one before.

    The last place may be left out when only one remains. Ranks are 1, 2, 3 … without gaps: after
    a tie comes the next number. With 10 or more completions the places need separators.
    Raises FeedbackError.
    """
    wanted = Sentence("type {what}, or skip", what=_ranking_wanted(count))
    line = normalise(text)
    if not line:
        raise _error("nothing was typed: {wanted}", wanted=wanted)
    if count == 2 and line in _TIES:
        return Ranking((1, 1))
    digits = "[0-9]" if count <= 9 else "[0-9]+"
    ranks: dict[int, int] = {}
    rank, sign = 0, ""
    for token in re.findall(rf"{digits}|[>=]|[^\s,]", line):
        if token in ">=":
            if sign or not ranks:
                raise _error(
                    '"{sign}" must stand between two numbers: {wanted}', sign=token, wanted=wanted
                )
            sign = token
            continue
        # int() refuses thousands of digits, and nobody has millions of completions.
        place = int(token) if re.fullmatch("[0-9]{1,6}", token) else 0
        if not 1 <= place <= count:
            raise _error(
                "{what} is none of the {completions}: {wanted}",
                what=_quoted(token),
                completions=_completions(count),
                wanted=wanted,
            )
        if place in ranks:
            raise _error("{place} stands there twice: {wanted}", place=place, wanted=wanted)
        rank += sign != "="
        ranks[place], sign = rank, ""
    missing = [place for place in range(1, count + 1) if place not in ranks]
    if sign:
        raise _error('nothing follows the last "{sign}": {wanted}', sign=sign, wanted=wanted)
    if not ranks:
        raise _error("no completion was named: {wanted}", wanted=wanted)
    if len(missing) > 1:
        listed = ", ".join(map(str, missing))
        raise _error("completions {listed} are not ranked: {wanted}", listed=listed, wanted=wanted)
    if missing:
        ranks[missing[0]] = rank + 1
    return Ranking(tuple(ranks[place] for place in range(1, count + 1)))


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
        return parse_edit(match["text"]) if literal else _edit_of(match["text"], count)
    if match := _NOTE.match(text):
        return Note(_readable(Sentence("note"), match["text"]).strip())
    if match := _PROMPT.match(text):
        prompt = _readable(Sentence("prompt"), match["text"]).strip()
        if not prompt:
            raise _error('the prompt has no text: write it behind the word: "p Once upon"')
        return OwnPrompt(prompt)
    if match := _TUNE.fullmatch(word):
        return _tune(match["what"], match["value"])
    if mode is Mode.SCORE:
        return parse_scores(text, count, scale)
    return parse_ranking(text, count)


def _tune(what: str, value: str) -> Tune:
    """`lr 1e-4` and `kl 4`."""
    wanted = Sentence("such as lr 1e-4") if what == "lr" else Sentence("in nats, such as kl 4")
    if not _NUMBER.fullmatch(value):
        raise _error(
            "{text} is no number: type {what} and one, {wanted}",
            text=_quoted(value),
            what=what,
            wanted=wanted,
        )
    try:
        return Tune(lr=float(value)) if what == "lr" else Tune(target_kl=float(value))
    except UsageError as error:
        raise _error("{what}, {wanted}", what=error.said, wanted=wanted) from None


def parse_options(text: str) -> Tune:
    """`lr 1e-4 kl 4`, one of them or both, in any order.

    Raises FeedbackError for anything else.
    """
    line = normalise(text).lower()
    given = {match["what"]: match["value"] for match in _OPTION.finditer(line)}
    if not given or _OPTION.sub("", line).strip(", "):
        raise _error(
            "{text} names no learning rate or KL budget: type such as lr 1e-4 kl 4",
            text=_quoted(text),
        )
    changes = [_tune(what, value) for what, value in given.items()]
    return Tune(
        next((change.lr for change in changes if change.lr is not None), None),
        next((change.target_kl for change in changes if change.target_kl is not None), None),
    )


def parse_edit(text: str) -> Edit:
    """The operator's own completion, exactly as written but for the line end."""
    text = text.rstrip("\r\n")
    if not text.strip():
        raise _error('the edit has no text: write it behind the word, such as "e a good day"')
    if _UNREADABLE.search(text) or not safe(text).strip():
        raise _error("the edit has characters that cannot be read: write it in UTF-8 again")
    return Edit(text)


def _edit_of(text: str, count: int) -> Edit:
    """`2 TEXT` rewrites the second completion; a text that begins with a number needs `edit:`."""
    if normalise(text).isdecimal():
        raise _error(
            'the edit has no text: write it behind the number, such as "edit 1 a good day", or '
            '"edit: {text}" when that is the text',
            text=_quoted(text.strip())[1:-1],
        )
    match = _PLACE.fullmatch(text)
    if match is None:
        return parse_edit(text)
    place = int(match["place"])
    if not 1 <= place <= count:
        raise _error(
            '{place} is none of the {completions}: name one, such as "edit 1 a good day", or write '
            '"edit: {text}"',
            place=place,
            completions=_completions(count),
            text=_quoted(text.strip())[1:-1],
        )
    return Edit(parse_edit(match["text"]).text, of=place - 1)


def _readable(what: Sentence, text: str) -> str:
    if _UNREADABLE.search(text):
        raise _error("the {what} has characters that cannot be read: write it in UTF-8", what=what)
    return text


def in_group_order(verdict: Verdict, shown: Sequence[int]) -> Verdict:
    """A verdict on places as one on completions: `shown[place]` is the completion shown there."""
    match verdict:
        case Scores(values):
            return Scores(_unshuffled(values, shown))
        case Ranking(ranks):
            return Ranking(_unshuffled(ranks, shown))
        case Edit(text, rest, of):
            given = None if rest is None else in_group_order(rest, shown)
            assert given is None or isinstance(given, Scores | Ranking)
            return Edit(text, given, None if of is None else shown[of])
        case _:
            return verdict


def expected(mode: Mode, count: int, scale: Scale) -> Sentence:
    """What to type, without the words: `4 numbers from 1 to 5, such as "3 4 1 5"`."""
    return _scores_wanted(count, scale) if mode is Mode.SCORE else _ranking_wanted(count)


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


def _unshuffled(values: Sequence[T], shown: Sequence[int]) -> tuple[T, ...]:
    by_completion = dict(zip(shown, values, strict=True))
    return tuple(by_completion[index] for index in range(len(values)))


def _score(token: str, scale: Scale, wanted: Sentence) -> float | None:
    if token.lower() in _LEFT_OUT:
        return None
    if not _NUMBER.fullmatch(token):
        raise _error("{text} is no score: {wanted}", text=_quoted(token), wanted=wanted)
    value = float(token) + 0.0  # -0 is 0
    try:
        return scale.check(value)
    except ValueError:
        raise _error(
            "{text} is not on the scale {scale}: {wanted}",
            text=_quoted(token),
            scale=scale,
            wanted=wanted,
        ) from None


def _scores_wanted(count: int, scale: Scale) -> Sentence:
    width = scale.high - scale.low
    whole = width >= 4 and scale.low % 1 == 0 and scale.high % 1 == 0
    scores = [scale.low + width * part for part in (0.5, 0.75, 0.0, 1.0)]
    examples = [f"{round(score) if whole else score:.10g}" for score in scores]
    example = " ".join(examples[i % 4] for i in range(count))
    one = Sentence(
        '1 number from {low:.10g} to {high:.10g}, such as "{example}"',
        low=scale.low,
        high=scale.high,
        example=example,
    )
    if count == 1:
        return one
    return Sentence(
        '{count} numbers from {low:.10g} to {high:.10g}, such as "{example}"',
        count=count,
        low=scale.low,
        high=scale.high,
        example=example,
    )


def _ranking_wanted(count: int) -> Sentence:
    if count == 2:
        return Sentence('the better one, 1 or 2, or "=" for a tie')
    order = _example_order(count)
    line = " ".join(map(str, order))
    if count < 3:
        return Sentence('the number of each completion, best first, such as "{line}"', line=line)
    signs = ["", ">", "=", *[">"] * (count - 3)]
    tie = "".join(f"{sign}{place}" for sign, place in zip(signs, order, strict=True))
    return Sentence(
        'the {count} completion numbers, best first, such as "{line}", or "{tie}" with a tie',
        count=count,
        line=line,
        tie=tie,
    )


def _example_order(count: int) -> list[int]:
    """An order that is not 1 2 3 …, so that nobody takes it for ranks: 3 1 4 2."""
    half = count // 2
    pairs = [(half + place, place) for place in range(1, half + 1)]
    return [place for pair in pairs for place in pair] + [count] * (count % 2)


def _quoted(token: str) -> str:
    short = safe(token)
    return f'"{short[:20]}…"' if len(short) > 20 else f'"{short}"'


def _scores(count: int) -> Sentence:
    return Sentence("1 score") if count == 1 else Sentence("{count} scores", count=count)


def _completions(count: int) -> Sentence:
    if count == 1:
        return Sentence("1 completion")
    return Sentence("{count} completions", count=count)


def _error(template: str, /, **values: object) -> FeedbackError:
    return FeedbackError(Sentence(template, **values))

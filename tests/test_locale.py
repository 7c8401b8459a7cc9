"""The catalogues: nothing a person reads is left out, and nothing in them is of no use."""

from __future__ import annotations

import ast
import copy
import pickle
import re
import string
from collections import Counter

import pytest

from hitl.config.look import Look
from hitl.language import translator_for
from hitl.wording import ENGLISH, Sentence, translator

from .extracting import catalogue, given, messages

HAN = re.compile("[\u4e00-\u9fff]")
FIELD = re.compile(r"\{[^}]*\}")


def fields(template: str) -> Counter[tuple[str, str, str]]:
    """Name, conversion and format of each field, as often as it stands there."""
    return Counter(
        (name, conversion or "", form or "")
        for _, name, form, conversion in string.Formatter().parse(template)
        if name is not None
    )


def test_every_message_has_a_chinese_one() -> None:
    translated = {entry.msgid for entry in catalogue("zh") if entry.msgstr}
    missing = {said: where for said, where in messages().items() if said not in translated}
    assert not missing


def test_no_chinese_message_is_left_over() -> None:
    assert {entry.msgid for entry in catalogue("zh")} <= messages().keys()


def test_fields_and_their_formats_agree() -> None:
    wrong = [
        (entry.msgid, entry.msgstr)
        for entry in catalogue("zh")
        if fields(entry.msgid).keys() != fields(entry.msgstr).keys()
    ]
    assert not wrong


def test_chinese_messages_are_chinese() -> None:
    """All that have words, but for the one that is the same in both languages."""
    wrong = [
        entry.msgid
        for entry in catalogue("zh")
        if re.search("[a-z]", FIELD.sub("", entry.msgid), re.I) and not HAN.search(entry.msgstr)
    ]
    assert wrong == ["PPO"]


def test_no_message_is_put_together_before_it_is_looked_up() -> None:
    """An f-string could never be found in a catalogue."""
    assert not [where for node, where in given() if isinstance(node, ast.JoinedStr)]


def test_a_message_is_said_with_its_fields_in_either_language() -> None:
    zh = translator("zh")
    assert ENGLISH("there are {count} completions", count=4) == "there are 4 completions"
    assert zh("there are {count} completions", count=4) == "只有 4 条续写"


def test_a_sentence_is_english_until_it_is_said_in_chinese() -> None:
    inner = Sentence("1 judgement")
    outer = Sentence("{meaning} (few so far)", meaning=inner)
    assert outer == "1 judgement (few so far)"
    assert translator("zh").said(outer) == "1 次评判（目前数量还少）"
    assert translator("zh").said("any other text {x}") == "any other text {x}"


@pytest.mark.parametrize("again", [copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
def test_a_sentence_survives_copies_with_braces_in_its_values(again: object) -> None:
    said = Sentence("note: {note}", note="{braces}")
    assert callable(again)
    made = again(said)
    assert made == said == "note: {braces}"
    assert translator("zh").said(made) == "备注：{braces}"


@pytest.mark.parametrize(
    ("variables", "option", "language"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "auto", "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "en_GB.UTF-8"}, "auto", "en"),
        ({"LANG": "en_GB.UTF-8", "LC_ALL": "zh_TW.UTF-8"}, "auto", "zh"),
        ({"LANG": "C.UTF-8"}, "auto", "en"),
        ({}, "auto", "en"),
        ({"LANG": "zh_CN.UTF-8"}, "en", "en"),
        ({}, "zh", "zh"),
    ],
)
def test_the_language_is_that_of_the_option_or_the_locale(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], option: str, language: str
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    look = {"auto": Look(), "en": Look(ui_lang="en"), "zh": Look(ui_lang="zh")}[option]
    assert translator_for(look).language == language

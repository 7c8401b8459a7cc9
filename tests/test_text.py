"""Nothing that a terminal obeys gets through, and nothing readable is lost."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl.text import LONGEST, safe

ANY = st.text(st.characters(exclude_categories=[]), max_size=200)


@given(ANY, st.booleans())
def test_no_control_format_or_half_character_remains(text: str, newlines: bool) -> None:
    shown = safe(text, newlines=newlines)
    allowed = "\n" if newlines else ""
    assert all(
        c in allowed or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
        for c in shown
    )
    shown.encode("utf-8")


@given(ANY, st.booleans())
def test_safe_text_stays_as_it_is(text: str, newlines: bool) -> None:
    once = safe(text, newlines=newlines)
    assert safe(once, newlines=newlines) == once


@pytest.mark.parametrize(
    "text",
    [
        "plain ASCII, [SEP] and [/x] and all",
        "今天天气很好，我们去公园散步。",
        "é as e\u0301, ñ, ü; हिन्दी; ภาษาไทย",
        "０１２３　「引号」—……",
        "😀 🏠",
    ],
)
def test_ordinary_text_is_untouched(text: str) -> None:
    assert safe(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("\x1b]0;title\x07text", "]0;titletext"),
        ("\x9b2Jgone", "2Jgone"),
        ("a\u202egnp.exe", "agnp.exe"),
        ("a\u200bb\ufeffc\u2060d", "abcd"),
        ("half \ud83d character", "half  character"),
        ("tab\tnew\nline\r\nend", "tab new line end"),
        ("no\u00a0break", "no break"),
        ("👩\u200d🚀", "👩🚀"),
        ("\u0301leading mark", "leading mark"),
    ],
)
def test_what_is_changed(text: str, shown: str) -> None:
    assert safe(text) == shown


def test_newlines_are_kept_when_asked() -> None:
    assert safe("a\r\nb\rc\u2028d", newlines=True) == "a\nb\nc\nd"


def test_a_tower_of_marks_is_cut_down() -> None:
    assert len(safe("a" + "\u0301" * 500)) < 10


def test_endless_text_is_capped() -> None:
    assert len(safe("a" * 10 * LONGEST)) == LONGEST + 1

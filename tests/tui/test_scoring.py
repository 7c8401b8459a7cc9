"""The rule from keys to scores, without a screen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl.scale import Scale
from hitl.tui.scoring import Sheet

SCALES = ["1-5", "0-10", "-1..1", "-2..2", "0-100", "0..1", "0.2..0.8"]


def play(scale: str, keys: str, places: int = 3) -> Sheet:
    sheet = Sheet.blank(Scale.parse(scale), places)
    for key in keys:
        match key:
            case "⏎":
                sheet = sheet.enter()
            case "⌫":
                sheet = sheet.erase()
            case "↓":
                sheet = sheet.move(1)
            case "↑":
                sheet = sheet.move(-1)
            case _:
                sheet = sheet.type(key)
    return sheet


@pytest.mark.parametrize(
    ("scale", "keys", "texts"),
    [
        ("1-5", "435", ("4", "3", "5")),
        ("1-5", "4.5⏎21", ("4.5", "2", "1")),
        ("1-5", "21+4.5⏎", ("2", "1", "4.5")),
        ("0-10", "8", ("8", "", "")),
        ("0-10", "1085", ("10", "8", "5")),
        ("0-10", "185", ("1", "8", "5")),
        ("0-10", "1⏎05", ("1", "0", "5")),
        ("0-10", "000", ("0", "0", "0")),
        ("-1..1", "-0.35⏎", ("-0.35", "", "")),
        ("-1..1", "10-1⏎", ("1", "0", "-1")),
        ("-1..1", ".5⏎", ("0.5", "", "")),
        ("-2..2", "-12-2", ("-1", "2", "-2")),
        ("-2..2", "-1⏎2-2", ("-1", "2", "-2")),
        ("0-100", "5⏎7342", ("5", "73", "42")),
        ("0-100", "100", ("100", "", "")),
        ("0..1", "0.7⏎1", ("0.7", "1", "")),
        ("0.2..0.8", "0.5⏎", ("0.5", "", "")),
        ("1-5", "4↑5", ("5", "", "")),
        ("1-5", "43⌫1", ("4", "1", "")),
    ],
)
def test_keys_become_scores(scale: str, keys: str, texts: tuple[str, ...]) -> None:
    assert play(scale, keys).texts == texts


@pytest.mark.parametrize(
    ("scale", "keys"), [("1-5", "435"), ("0-10", "089"), ("0-10", "0810"), ("-2..2", "01-1")]
)
def test_the_last_digit_sends_the_group(scale: str, keys: str) -> None:
    assert play(scale, keys).send
    assert not play(scale, keys[:-1]).send


def test_a_scale_for_decimals_is_sent_by_enter() -> None:
    assert not play("-1..1", "101").send
    assert play("-1..1", "101⏎").send


@pytest.mark.parametrize(
    ("scale", "keys"), [("1-5", "7"), ("1-5", "4.9⏎5.5⏎"), ("-1..1", "-7"), ("0-10", "11.5⏎")]
)
def test_off_the_scale_stays_and_says_the_range(scale: str, keys: str) -> None:
    sheet = play(scale, keys)
    if scale != "0-10":
        assert str(Scale.parse(scale)) in sheet.error
    assert not sheet.complete


@pytest.mark.parametrize("scale", ["-1..1", "0..1", "-2..2", "0-10"])
@pytest.mark.parametrize("lone", [".", "-", "+", "-.", "+."])
@pytest.mark.parametrize("end", "⏎↓")
def test_a_sign_or_a_point_alone_is_no_score(scale: str, lone: str, end: str) -> None:
    sheet = play(scale, lone + end)
    assert not any(sheet.scored) and not sheet.history
    if end == "⏎":
        assert str(Scale.parse(scale)) in (sheet.error or "")


def test_digits_go_on_behind_a_lone_point_that_was_refused() -> None:
    assert play("-1..1", "-.⏎5⏎").texts == ("-0.5", "", "")


def test_after_an_error_the_next_digit_replaces() -> None:
    assert play("1-5", "74").texts == ("4", "", "")


def test_a_drafted_group_that_is_complete_waits_for_enter() -> None:
    sheet = Sheet.restored(Scale(1, 5), ("4", "3", "5"))
    changed = sheet.move(-2).type("1")
    assert changed.texts == ("1", "3", "5") and not changed.send
    assert changed.enter().send


def test_a_half_typed_draft_is_typed_on() -> None:
    sheet = Sheet.restored(Scale(-1, 1), ("0.5", "-0.", ""))
    assert sheet.current == 1
    assert sheet.type("2").enter().texts == ("0.5", "-0.2", "")


@given(st.sampled_from(SCALES), st.text("0123456789.-+⏎⌫↑↓", max_size=30))
def test_no_keys_make_a_score_off_the_scale(scale: str, keys: str) -> None:
    sheet = Sheet.blank(Scale.parse(scale), 3)
    for key in keys:
        if key == "⌫" and sheet.untouched:
            continue
        sheet = {
            "⏎": sheet.enter,
            "⌫": sheet.erase,
            "↓": lambda s=sheet: s.move(1),
            "↑": lambda s=sheet: s.move(-1),
        }.get(key, lambda s=sheet, k=key: s.type(k))()
        for text, scored in zip(sheet.texts, sheet.scored, strict=True):
            assert not scored or sheet.scale.check(float(text)) is not None
        assert sheet.complete or not sheet.send
        assert sorted(sheet.history) == [p for p, done in enumerate(sheet.scored) if done]


@given(st.sampled_from(SCALES), st.text("0123456789.-+⏎↓", min_size=1, max_size=20))
def test_backspace_empties_any_sheet(scale: str, keys: str) -> None:
    sheet = play(scale, keys)
    for _ in range(100):
        if sheet.untouched:
            return
        sheet = sheet.erase()
    raise AssertionError(sheet)


@given(st.sampled_from(SCALES), st.floats(-2, 100).map(lambda x: round(x, 2)))
def test_every_number_of_the_scale_can_be_typed(scale: str, number: float) -> None:
    s = Scale.parse(scale)
    if not s.low <= number <= s.high:
        return
    text = f"{number:g}"
    keys = text if text.startswith("-") else f"+{text}"
    sheet = play(scale, keys + "⏎", places=2)
    assert float(sheet.texts[0]) == number and sheet.scored[0]

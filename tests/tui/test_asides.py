"""Own texts and prompts, notes, flags and tokens, on the screens that have them."""

from __future__ import annotations

import pytest
from textual.events import Key, Paste

from hitl.operator import OwnPrompt
from hitl.records import Edit, Mode, Ranking, Scores
from hitl.tui.screens.tokens import _signed

from .driving import Driver, driving
from .scripted import ScriptedSession, group

TEXTS = ["a fine day", "a dull day", "a long day at sea", "没有一天"]


def session(mode: Mode = Mode.SCORE, **options: object) -> ScriptedSession:
    return ScriptedSession([group(1, TEXTS)], mode=mode, **options)  # type: ignore[arg-type]


async def test_an_own_text_is_the_best_and_the_scores_stay_with_it() -> None:
    async with driving(session(seed=3)) as me:
        await me.at_desk()
        shown = me.app.screen.desk.shown
        await me.press("4", "e")
        assert "2: as it should be" in me.text
        await me.press("!", "enter")
        await me.kept(1)
        (judgement,) = me.session.kept
        values: list[float | None] = [None] * 4
        values[shown[0]] = 4
        expected = Edit(TEXTS[shown[1]] + "!", Scores(tuple(values)), shown[1])
        assert judgement.verdict == expected and judgement.labels == 2
        assert "last: edited 2, 4 · · ·" in me.text


async def test_a_ranking_goes_on_behind_the_own_text() -> None:
    async with driving(session(Mode.RANK)) as me:
        await me.at_desk()
        await me.press("3", "1", "e", "!", "enter")
        await me.kept(1)
        assert me.session.kept[0].verdict == Edit("a fine day!", Ranking((2, None, 1, None)), 0)


@pytest.mark.parametrize("keys", [["enter"], ["ctrl+s"]])
async def test_either_key_keeps_it(keys: list[str]) -> None:
    async with driving(session()) as me:
        await me.at_desk()
        await me.press("ｅ", "吗", *keys)
        await me.kept(1)
        assert me.session.kept[0].verdict == Edit("a fine day吗", None, 0)


async def test_several_lines_and_a_paste() -> None:
    async with driving(session()) as me:
        await me.at_desk()
        await me.press("e", "ctrl+j", "中", "文")
        paste(me, "，第一行\n\x1b[31m\u202e第二行")
        await me.pilot.pause()
        assert "\x1b" not in me.text
        await me.press("enter")
        await me.kept(1)
        assert me.session.kept[0].verdict == Edit("a fine day\n中文，第一行\n[31m第二行", None, 0)


def paste(me: Driver, text: str) -> None:
    me.app.screen.focused.post_message(Paste(text))


@pytest.mark.parametrize("key", ["e", "n", "p"])
async def test_keys_that_come_at_once_are_not_lost(key: str) -> None:
    async with driving(session()) as me:
        await me.at_desk()
        # As they come when a sentence is committed, or a program types.
        for typed in (key, *"好q 1r"):
            me.app.post_message(Key(typed, typed))
        me.app.post_message(Key("enter", None))
        if key == "p":
            await me.until(lambda: me.session.replies == [OwnPrompt("好q 1r")])
            return
        if key == "n":
            await me.sees("[好q 1r]")
            await me.press("1", "1", "1", "1")
        await me.kept(1)
        (judgement,) = me.session.kept
        if key == "n":
            assert judgement.note == "好q 1r"
        else:
            assert judgement.verdict == Edit("a fine day好q 1r", None, 0)


@pytest.mark.parametrize("key", ["e", "n"])
async def test_keys_of_editing_keep_their_place_among_the_letters(key: str) -> None:
    async with driving(session()) as me:
        await me.at_desk()
        for typed in (key, "a", "b", "backspace", "c", "left", "d", "delete", "f", "enter"):
            me.app.post_message(Key(typed, typed if len(typed) == 1 else None))
        if key == "n":
            await me.sees("[adf]")
        else:
            await me.kept(1)
            assert me.session.kept[0].verdict == Edit("a fine dayadf", None, 0)


async def test_esc_keeps_nothing_and_loses_nothing() -> None:
    async with driving(session()) as me:
        await me.at_desk()
        await me.press("3", "e", "!", "escape")
        assert "not kept" in me.text and not me.session.kept
        assert me.session.drafts[(1, 0)].edit == "a dull day!"
        await me.press("e")
        assert "a dull day!" in me.text
        await me.press("escape", "2", "2", "2")
        await me.kept(1)
        assert me.session.kept[0].verdict == Scores((3, 2, 2, 2))


@pytest.mark.parametrize("sizes", [[(80, 24)], [(60, 20), (80, 24)], [(90, 40), (80, 24)]])
async def test_the_field_stays_in_sight_when_the_terminal_gets_smaller(
    sizes: list[tuple[int, int]],
) -> None:
    async with driving(session(), (120, 50)) as me:
        await me.at_desk()
        await me.press("down", "down", "down", "e")
        await me.sees("4: as it should be")
        for size in sizes:
            await me.pilot.resize_terminal(*size)
            await me.until(lambda size=size: len(me.lines[0]) == size[0])  # type: ignore[misc]
        await me.until(lambda: framed(me.lines))
        await me.press("!", "enter")
        await me.kept(1)
        assert me.session.kept[0].verdict == Edit("没有一天!", None, 3)


def framed(lines: list[str]) -> bool:
    """Whether the first and the last line of the field are there, from corner to corner."""
    top = [line.rstrip() for line in lines if "4: as it should be" in line]
    bottom = [line.rstrip() for line in lines if "Esc goes back" in line]
    return [line[-1] for line in top + bottom] == ["╮", "╯"]


async def test_an_unchanged_or_empty_text_is_refused() -> None:
    async with driving(session()) as me:
        await me.at_desk()
        await me.press("e", "enter")
        assert "the text is as it was" in me.text
        await me.press("e", *["backspace"] * 12, "enter")
        assert "the edit has no text" in me.text and not me.session.kept


async def test_undo_brings_text_scores_note_and_flag_back() -> None:
    async with driving(session()) as me:
        await me.at_desk()
        await me.press("4", "f", "n", "w", "h", "y", "enter", "e", "!", "enter")
        await me.kept(1)
        assert "[flag]" not in me.text, "the next group has its own"
        await me.press("backspace")
        await me.until(lambda: not me.session.kept)
        await me.at_desk()
        assert "[ 4 ]" in me.text and "[flag] [why]" in me.text
        await me.press("e")
        assert "a dull day!" in me.text
        await me.press("enter")
        await me.kept(1)
        (judgement,) = me.session.kept
        assert judgement.verdict == Edit("a dull day!", Scores((4, None, None, None)), 1)
        assert (judgement.note, judgement.flag) == ("why", True)


@pytest.mark.parametrize("mode", list(Mode))
async def test_note_and_flag_are_kept_with_the_judgement(mode: Mode) -> None:
    texts = TEXTS[:2]
    async with driving(ScriptedSession([group(1, texts)], mode=mode)) as me:
        await me.at_desk()
        await me.press("n", "太", "q", "?", " ", "1", "enter")
        assert "note: 太q? 1" in me.text and "[太q? 1]" in me.text
        await me.press("f")
        assert "flagged" in me.text and "[flag]" in me.text
        await me.press("f")
        assert "[flag]" not in me.text
        await me.press("f", "1", *("2" if mode is Mode.SCORE else ""))
        await me.kept(1)
        (judgement,) = me.session.kept
        assert (judgement.note, judgement.flag) == ("太q? 1", True)


async def test_a_note_can_be_taken_away_or_left() -> None:
    async with driving(session()) as me:
        await me.at_desk()
        await me.press("n", "a", "enter", "n", "b", "escape")
        assert "[a]" in me.text
        await me.press("n", "backspace", "enter")
        assert "[a]" not in me.text and me.session.drafts[(1, 0)].note == ""


async def test_note_and_flag_survive_a_crash() -> None:
    first = session()
    async with driving(first) as me:
        await me.at_desk()
        await me.press("f", "n", "a", "enter", "5")
    async with driving(session(drafts=first.drafts)) as me:
        await me.at_desk()
        assert "[flag] [a]" in me.text and "[ 5 ]" in me.text


async def test_an_own_prompt_comes_next_and_the_group_after_it() -> None:
    async with driving(session()) as me:
        await me.at_desk()
        await me.press("5", "p", *"从前", "space", "r", "enter")
        await me.until(lambda: me.session.replies == [OwnPrompt("从前 r")])
        await me.at_desk()
        assert "从前 r" in me.lines[1] and "[ 5 ]" not in me.text
        await me.press("1", "2", "3", "4")
        await me.kept(1)
        assert "a fine day" in me.text


async def test_an_empty_prompt_asks_for_nothing_and_one_left_is_not_lost() -> None:
    async with driving(session()) as me:
        await me.at_desk()
        await me.press("p", "enter", "p", "h", "i", "escape", "p")
        assert "hi" in me.text and not me.session.replies
        await me.press("escape")


@pytest.mark.parametrize("key", ["p", "n"])
@pytest.mark.parametrize("typed", [[], ["space"]])
async def test_of_an_empty_field_it_is_said_that_nothing_is_changed(
    key: str, typed: list[str]
) -> None:
    async with driving(session()) as me:
        await me.at_desk()
        await me.press("5", key, *typed, "enter")
        assert "nothing was typed: nothing is changed" in me.text
        assert "[ 5 ]" in me.text and not me.session.replies
        await me.press("3")
        assert "nothing was typed" not in me.text


async def test_a_note_that_is_emptied_is_gone_and_that_is_said() -> None:
    async with driving(session()) as me:
        await me.at_desk()
        await me.press("n", "a", "enter", "n", "backspace", "enter")
        assert "no note" in me.text and "nothing was typed" not in me.text


async def test_tokens_show_log_p_first_and_the_reference_when_it_is_there() -> None:
    async with driving(session(hold={"inspect"})) as me:
        await me.at_desk()
        await me.press("down", "i")
        assert "2: tokens" in me.text and "log p_ref comes" in me.text and "#3" in me.text
        me.session.let_go()
        await me.sees("log p - log p_ref +10.0")
        assert "+1.0" in me.text and "␣" in me.text and "#3" not in me.text
        await me.press("right", "right")
        assert "4: tokens" in me.text and "没" in me.text
        await me.press("escape", "5")
        assert "[ 5 ]" in me.text


async def test_these_keys_without_a_group_are_refused_in_words() -> None:
    async with driving(session(hold={"judged"})) as me:
        await me.at_desk()
        await me.press("5", "3", "2", "1")
        for key in "enfpi":
            await me.press(key)
            assert "this key was not taken" in me.text
            await me.press("up")
        me.session.let_go()
        await me.kept(1)
        assert not me.session.kept[0].note


async def test_an_own_text_during_a_save_is_sent_when_the_session_is_back() -> None:
    async with driving(session(hold={"save"})) as me:
        await me.at_desk()
        await me.press("ctrl+s", "e", "!", "enter")
        assert not me.session.kept
        me.session.let_go()
        await me.kept(1)
        assert me.session.kept[0].verdict == Edit("a fine day!", None, 0)


@pytest.mark.parametrize(
    ("keys", "said"),
    [(["p", "n", "e", "w", "enter"], "your prompt comes"), (["r"], "other completions of")],
)
async def test_what_is_said_of_a_wait_is_not_said_after_it(keys: list[str], said: str) -> None:
    async with driving(session()) as me:
        await me.at_desk()
        await me.press(*keys)
        await me.until(lambda: me.session.desks == 2)
        await me.at_desk()
        assert said not in me.text


async def test_an_undone_own_text_is_named() -> None:
    async with driving(session()) as me:
        await me.at_desk()
        await me.press("e", "!", "enter")
        await me.kept(1)
        await me.press("backspace")
        await me.sees("e goes on with your text")
        await me.at_desk()
        await me.press("e")
        await me.sees("a fine day!")


@pytest.mark.parametrize(
    ("nats", "shown"), [(-0.04, "0.0"), (0.0, "0.0"), (0.06, "+0.1"), (-2.0, "-2.0")]
)
def test_only_a_difference_has_a_sign(nats: float, shown: str) -> None:
    assert _signed(nats) == shown


async def test_enter_twice_closes_no_more_than_the_field() -> None:
    async with driving(session()) as me:
        await me.at_desk()
        for typed in ("n", "a", "enter", "enter"):
            me.app.post_message(Key(typed, typed if len(typed) == 1 else None))
        await me.sees("[a]")
        await me.press("1", "1", "1", "1")
        await me.kept(1)
        assert me.session.kept[0].note == "a"


@pytest.mark.parametrize("opener", ["e", "n"])
async def test_what_is_typed_for_a_group_that_goes_is_kept_for_no_other(opener: str) -> None:
    """An undo and the key behind it, before the session has answered."""
    groups = [group(1, ["one a", "one b"], "FIRST"), group(2, ["two a", "two b"], "SECOND")]
    async with driving(ScriptedSession(groups)) as me:
        await me.at_desk()
        await me.press("5", "4")
        await me.kept(1)
        for key in ("backspace", opener):
            me.app.post_message(Key(key, opener if key == opener else None))
        await me.until(lambda: me.app._judging.desk.group.prompt.text == "FIRST")
        await me.until(lambda: hasattr(me.app.screen, "field"))
        await me.press("!", "enter")
        await me.sees("another group came meanwhile: nothing was kept")
        assert not me.session.kept and not me.app.screen.remarks.note
        assert me.app.screen.remarks.edit == ""
        await me.press("enter")  # its marks are those from before
        await me.kept(1)
        assert me.session.kept[0].verdict == Scores((5.0, 4.0)) and not me.session.kept[0].note
        assert "SECOND" in me.text
        await me.press(opener)
        await me.until(lambda: hasattr(me.app.screen, "field"))
        assert me.app.screen.field.held == ("two a!" if opener == "e" else "!")

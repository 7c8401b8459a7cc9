"""The score screen, key by key, against a scripted session."""

from __future__ import annotations

import pytest

from hitl.operator import Notice, Operator, Progress, Quit, Resample, Save, Undo
from hitl.records import Scores, Skip

from .driving import driving
from .scripted import ScriptedSession, group

EN = ["a fine day", "a dull day", "a long day at sea", "no day at all"]
ZH = ["碰到了老同学，大家聊了一个下午。", "天气天气天气很好很好", "不错", "房间很小，隔音很差。"]


def two_groups(**options: object) -> ScriptedSession:
    return ScriptedSession([group(1, EN), group(2, ZH, "今天天气很好，")], **options)  # type: ignore[arg-type]


async def test_four_digits_judge_a_group() -> None:
    async with driving(two_groups(seed=3)) as me:
        await me.at_desk()
        await me.press("5", "3", "2", "1")
        await me.kept(1)
        (judgement,) = me.session.kept
        assert isinstance(judgement.verdict, Scores)
        by_place = [judgement.verdict.values[i] for i in judgement.shown]
        assert by_place == [5, 3, 2, 1]
        assert sorted(judgement.shown) == [0, 1, 2, 3]
        assert judgement.keys == "5321"
        assert judgement.seconds >= 0
        assert "last: 5 3 2 1" in me.text
        assert "今天天气很好，" in me.text and "碰到了老同学" in me.text


async def test_nothing_is_called_kept_before_the_journal_has_it() -> None:
    async with driving(two_groups(hold={"judged"})) as me:
        await me.at_desk()
        await me.press("5", "3", "2", "1")
        await me.sees("keeping …")
        assert "last:" not in me.text
        me.session.let_go()
        await me.sees("last: 5 3 2 1")


async def test_keys_for_a_group_not_seen_yet_are_refused_in_words() -> None:
    async with driving(two_groups(hold={"judged"})) as me:
        await me.at_desk()
        await me.press("5", "3", "2", "1", "4", "space", "enter")
        await me.sees("no new group yet")
        me.session.let_go()
        await me.kept(1)
        assert len(me.session.kept) == 1 and not me.session.drafts.get((2, 0))
        await me.press("1", "1", "1", "1")
        await me.kept(2)


async def test_commands_given_meanwhile_are_carried_out() -> None:
    async with driving(two_groups(hold={"judged"})) as me:
        await me.at_desk()
        await me.press("5", "3", "2", "1", "backspace", "backspace")
        me.session.let_go()
        await me.until(lambda: [type(r) for r in me.session.replies][1:] == [Undo])
        await me.at_desk()
        assert not me.session.kept
        assert "[ 5 ]" in me.text and "⏎ keep" in me.text


async def test_typed_numbers() -> None:
    async with driving(two_groups(), scale="-1..1") as me:
        await me.at_desk()
        await me.press(*"-0.35", "enter", ".", "5", "enter", "1", "0", "enter")
        await me.kept(1)
        verdict = me.session.kept[0].verdict
        assert verdict == Scores((-0.35, 0.5, 1, 0))
        assert me.session.kept[0].keys == "-0.35⏎.5⏎10⏎"


async def test_full_width_keys_are_the_plain_ones() -> None:
    async with driving(two_groups(), scale="-2..2") as me:
        await me.at_desk()
        await me.press("１", "－", "１", "．", "５", "enter", "２", "０")
        await me.kept(1)
        assert me.session.kept[0].verdict == Scores((1, -1.5, 2, 0))
        await me.press("ideographic_space")
        await me.kept(2)
        assert me.session.kept[1].verdict == Skip()


async def test_out_of_range_stays_and_says_the_range() -> None:
    async with driving(two_groups()) as me:
        await me.at_desk()
        await me.press("7")
        assert "7 is not on the scale 1-5" in me.text and "[ 7▏]" in me.text
        await me.press("4")
        assert "[ 4 ]" in me.text and "not on the scale" not in me.text


@pytest.mark.parametrize("keys", [".", "-", "-.", "．", "。", "－", "−", "—．"])
async def test_a_slip_of_sign_or_point_is_refused_and_not_kept(keys: str) -> None:
    async with driving(two_groups(), scale="-1..1") as me:
        await me.at_desk()
        await me.press(*keys, "enter")
        assert "is no number: type one on the scale -1..1" in me.text
        await me.press(*["backspace"] * len(keys), "0", "1", "1", "1", "up", "down")
        await me.press(*["backspace"], *keys, "enter", "enter")
        assert not me.session.replies
        await me.press(*["backspace"] * len(keys), "1", "enter")
        await me.kept(1)
        assert me.session.kept[0].verdict == Scores((0, 1, 1, 1))


async def test_arrows_and_mouse_choose_the_card() -> None:
    async with driving(two_groups()) as me:
        await me.at_desk()
        await me.press("down", "down", "5", "up", "up", "up", "2")
        await me.pilot.click("Card", offset=(5, 1))
        assert "▶1" in me.text
        await me.press("1")
        assert me.session.drafts[(1, 0)].entries == ("1", "", "5", "")
        await me.pilot.click(me.app.screen.cards[3], offset=(5, 1))
        assert "▶4" in me.text


async def test_backspace_takes_back_entries_then_the_last_judgement() -> None:
    async with driving(two_groups()) as me:
        await me.at_desk()
        await me.press("5", "3", "backspace")
        assert me.session.drafts[(1, 0)].entries == ("5", "", "", "")
        await me.press("2", "2", "2")
        await me.kept(1)
        await me.press("4", "backspace", "backspace")
        await me.until(lambda: not me.session.kept)
        await me.at_desk()
        assert me.text.count("[ 2 ]") == 3 and "[ 5 ]" in me.text
        await me.press("backspace", "1")
        await me.kept(1)
        assert me.session.kept[0].verdict == Scores((5, 2, 2, 1))


async def test_backspace_after_an_update_says_already_trained() -> None:
    async with driving(two_groups(batch_size=4)) as me:
        await me.at_desk()
        await me.press("5", "3", "2", "1")
        await me.sees("update 1: mean reward 2.90, KL 0.80")
        assert "reward 2.90  KL 0.80" in me.text
        await me.at_desk()
        await me.press("backspace")
        await me.sees("already trained")


async def test_space_skips() -> None:
    async with driving(two_groups()) as me:
        await me.at_desk()
        await me.press("5", "space")
        await me.kept(1)
        assert me.session.kept[0].verdict == Skip() and me.session.kept[0].labels == 0
        assert "skipped" in me.text


async def test_resample_asks_for_the_prompt_again() -> None:
    async with driving(two_groups()) as me:
        await me.at_desk()
        await me.press("5", "r")
        await me.until(lambda: me.session.replies == [Resample()])
        await me.at_desk()
        assert "[ 5 ]" not in me.text


async def test_save_keeps_the_entries_and_the_keys_typed_meanwhile() -> None:
    async with driving(two_groups(hold={"save"})) as me:
        await me.at_desk()
        await me.press("5", "ctrl+s", "3", "2", "1")
        await me.sees("saving …")
        assert me.session.replies == [Save()] and not me.session.kept
        me.session.let_go()
        await me.kept(1)
        assert me.session.kept[0].verdict == Scores((5, 3, 2, 1))


@pytest.mark.parametrize("key", ["q", "ctrl+q", "ctrl+c"])
async def test_quit_saves_and_says_so(key: str) -> None:
    async with driving(two_groups(hold={"save"})) as me:
        await me.at_desk()
        await me.press("5", key, key)
        await me.sees("saving …")
        assert me.session.replies == [Quit()]
        assert me.session.drafts[(1, 0)].entries == ("5", "", "", "")
        me.session.let_go()
        await me.until(me.session.ended.is_set)


async def test_help_is_made_from_the_keymap() -> None:
    async with driving(two_groups(), size=(100, 40)) as me:
        await me.at_desk()
        await me.press("question_mark")
        assert "Scoring: keys" in me.text and "skip the group" in me.text
        await me.press("escape", "5")
        assert "[ 5 ]" in me.text


async def test_the_first_session_is_told_the_keys_that_matter() -> None:
    async with driving(two_groups(), version=0) as me:
        await me.at_desk()
        assert "1-5 scores, Space skips, Backspace takes back" in me.lines[-2]
        assert "q saves and leaves, ? more" in me.lines[-2], "whole at 80 columns"


async def test_a_han_character_gets_the_hint() -> None:
    async with driving(two_groups()) as me:
        await me.at_desk()
        await me.press("好")
        assert "input method" in me.text


async def test_a_draft_comes_back() -> None:
    session = two_groups()
    async with driving(session) as me:
        await me.at_desk()
        await me.press("5", "3")
    again = two_groups(drafts=session.drafts)
    async with driving(again) as me:
        await me.at_desk()
        assert "[ 5 ]" in me.text and "[ 3 ]" in me.text and "▶3" in me.text


HOSTILE = [
    "[/x] [SEP] [bold]not bold[/bold] [@click=app.quit]quit[/]",
    "\x1b[2J\x1b]0;owned\x07\x9b31mred",
    "a\u202eb \ud800 c",
    "",
]


async def test_hostile_text_is_only_text() -> None:
    session = ScriptedSession([group(1, HOSTILE, "\x1b[31m[/x] prompt")])
    async with driving(session) as me:
        await me.at_desk()
        assert "[/x] [SEP] [bold]not bold[/bold] [@click=app.quit]quit[/]" in me.text
        assert "[2J]0;owned31mred" in me.text
        assert "[31m[/x] prompt" in me.text
        assert not any(c in me.text for c in "\x1b\x07\x9b\u202e\ud800")
        await me.pilot.click(me.app.screen.cards[0], offset=(50, 1))
        assert not me.session.replies


async def test_a_hostile_notice_is_only_text() -> None:
    def before(operator: Operator) -> None:
        operator.notify(Notice("\x1b[2J[/x] no GPU [SEP]", "warning"))

    async with driving(two_groups(before=before)) as me:
        await me.sees("[2J[/x] no GPU [SEP]")
        await me.at_desk()
        await me.press("5", "3", "2", "1")
        await me.kept(1)
        assert "no GPU" in me.text, "a notice stays readable"


async def test_four_cards_fit_80_by_24() -> None:
    long = ["word " * 200, "字" * 500, "short", "line\nbreak\n" * 10]
    async with driving(ScriptedSession([group(1, long, "长" * 200)])) as me:
        await me.at_desk()
        cards = me.app.screen.cards
        assert all(c.region.height >= 4 and c.region.bottom <= 22 for c in cards)
        assert all(len(line) <= 80 for line in me.lines)
        assert "more ─╯" in me.text and "? help" in me.text
        first = me.text
        await me.press("pagedown")
        assert "↑" in me.text and me.text != first
        await me.press("pageup")
        assert me.text == first


@pytest.mark.parametrize("count", [1, 2, 8])
async def test_other_group_sizes(count: int) -> None:
    texts = [f"completion number {n}" for n in range(1, count + 1)]
    async with driving(ScriptedSession([group(1, texts)], batch_size=16)) as me:
        await me.at_desk()
        for n in range(1, count + 1):
            assert f"completion number {n}" in me.text, "the current card is in view"
            await me.press("4")
        await me.kept(1)
        assert me.session.kept[0].verdict == Scores((4.0,) * count)


async def test_the_rail_shows_from_100_columns() -> None:
    async with driving(two_groups(batch_size=4), size=(120, 40)) as me:
        await me.at_desk()
        await me.press("5", "3", "2", "1")
        await me.sees("update 1")
        assert "mean reward 2.90" in me.text and "KL to the reference 0.80" in me.text
        assert "labels/min" in me.text
        await me.pilot.resize_terminal(80, 24)
        await me.until(lambda: "KL to the reference" not in me.text)


async def test_the_status_line_says_what_the_engine_does() -> None:
    def before(operator: Operator) -> None:
        operator.notify(Progress("load", 2, 4))

    async with driving(two_groups(before=before, hold={"update"}, batch_size=4)) as me:
        await me.at_desk()
        top = me.lines[0]
        assert "zh-01" in top and "policy v12" in top and "3 ready" in top and "batch 0/4" in top
        assert "saved" not in top
        await me.press("5", "3", "2", "1")
        await me.sees("Learning from the batch")
        me.app._operator.notify(Progress("update", 2, 4))
        await me.sees("PPO 2/4 ▓▓░░")


async def test_an_error_of_the_session_is_raised_after_the_screen() -> None:
    def before(operator: Operator) -> None:
        raise RuntimeError("no weights")

    with pytest.raises(RuntimeError, match="no weights"):
        async with driving(two_groups(before=before)) as me:
            await me.until(lambda: me.app.error)


async def test_a_key_that_means_nothing_says_so() -> None:
    async with driving(two_groups()) as me:
        await me.at_desk()
        await me.press("R")
        assert "R does nothing here: ? shows every key" in me.text
        await me.press("4")
        assert "does nothing" not in me.text

"""Comparing: one key a group."""

from __future__ import annotations

import pytest

from hitl.records import Edit, Mode, Ranking, Rejected, Skip, Verdict

from .driving import driving
from .scripted import ScriptedSession, group

TEXTS = ["a fine day", "天气很好"]


def pairs(**options: object) -> ScriptedSession:
    return ScriptedSession([group(1, TEXTS)], mode=Mode.PAIR, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
@pytest.mark.parametrize(
    ("key", "verdict"),
    [
        ("left", Ranking((1, 2))),
        ("1", Ranking((1, 2))),
        ("１", Ranking((1, 2))),
        ("right", Ranking((2, 1))),
        ("2", Ranking((2, 1))),
        ("down", Ranking((1, 1))),
        ("=", Ranking((1, 1))),
        ("up", Rejected(2)),
        ("0", Rejected(2)),
        ("space", Skip()),
    ],
)
async def test_one_key_a_group(key: str, verdict: Verdict, size: tuple[int, int]) -> None:
    async with driving(pairs(), size) as me:
        await me.at_desk()
        await me.press("equals_sign" if key == "=" else key)
        await me.kept(1)
        (judgement,) = me.session.kept
        assert judgement.verdict == verdict and judgement.mode is Mode.PAIR
        assert len(judgement.keys) == 1


async def test_the_winner_is_the_card_the_arrow_points_at_whatever_the_order() -> None:
    session = pairs(seed=1)
    async with driving(session) as me:
        await me.at_desk()
        first = me.app.screen.desk.shown[0]
        await me.press("left")
        await me.kept(1)
        verdict = me.session.kept[0].verdict
        assert isinstance(verdict, Ranking) and verdict.ranks[first] == 1


async def test_side_by_side_from_100_columns_and_one_above_the_other_below() -> None:
    async with driving(pairs(), (120, 40)) as me:
        await me.at_desk()
        await me.until(lambda: all(card.region.height > 2 for card in me.app.screen.cards))
        one, other = (card.region for card in me.app.screen.cards)
        assert one.y == other.y and one.right <= other.x and one.height == other.height > 20
        await me.pilot.resize_terminal(80, 24)
        await me.until(lambda: me.app.screen.cards[0].region.height < 20)
        one, other = (card.region for card in me.app.screen.cards)
        assert one.x == other.x and one.bottom <= other.y and other.bottom <= 22
        assert "? help" in me.lines[-1]


async def test_undo_brings_the_pair_back() -> None:
    async with driving(pairs()) as me:
        await me.at_desk()
        await me.press("up")
        await me.kept(1)
        assert "last: both bad" in me.text
        await me.press("backspace")
        await me.until(lambda: not me.session.kept)
        await me.at_desk()
        await me.press("right")
        await me.kept(1)
        assert "last: 2 > 1" in me.text


async def test_a_key_during_a_save_counts_when_the_session_is_back() -> None:
    async with driving(pairs(hold={"save"})) as me:
        await me.at_desk()
        await me.press("ctrl+s", "right", "left")
        assert not me.session.kept
        me.session.let_go()
        await me.kept(1)
        assert me.session.kept[0].verdict == Ranking((1, 2)), "the last key counts"


async def test_tab_chooses_what_is_edited() -> None:
    async with driving(pairs()) as me:
        await me.at_desk()
        await me.press("tab", "e", "吧", "enter")
        await me.kept(1)
        assert me.session.kept[0].verdict == Edit("天气很好吧", of=1)


async def test_page_keys_scroll_both() -> None:
    session = ScriptedSession([group(1, ["word " * 300, "字" * 900])], mode=Mode.PAIR)
    async with driving(session) as me:
        await me.at_desk()
        assert me.text.count("more ─╯") == 2
        await me.press("pagedown")
        assert me.text.count("↑") >= 2


async def test_a_click_says_which_is_better() -> None:
    async with driving(pairs(seed=3)) as me:
        await me.at_desk()
        for number, place in enumerate((1, 0), 1):
            await me.pilot.click(me.app.screen.cards[place], offset=(5, 1))
            await me.kept(number)
            said = me.session.kept[-1]
            assert isinstance(said.verdict, Ranking)
            assert said.verdict.ranks[said.shown[place]] == 1
            assert said.verdict.ranks[said.shown[1 - place]] == 2
            assert said.keys == f"click{place + 1}"
        await me.press("backspace")
        await me.until(lambda: len(me.session.kept) == 1)

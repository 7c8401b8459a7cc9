"""Ranking, key by key."""

from __future__ import annotations

import pytest

from hitl.records import Mode, Ranking

from .driving import driving
from .scripted import ScriptedSession, group

TEXTS = ["one", "two", "three", "four"]


@pytest.mark.parametrize(
    ("keys", "ranks"),
    [
        ("213", (2, 1, 3, 4)),
        ("2=13", (1, 1, 3, 4)),
        ("21==", (2, 1, 3, 3)),
        ("==", (1, 1, 1, 1)),
        ("241", (3, 1, 4, 2)),
    ],
)
async def test_digits_best_to_worst(keys: str, ranks: tuple[int, ...]) -> None:
    session = ScriptedSession([group(1, TEXTS)], mode=Mode.RANK)
    async with driving(session) as me:
        await me.at_desk()
        await me.press(*["equals_sign" if key == "=" else key for key in keys])
        await me.kept(1)
        assert me.session.kept[0].verdict == Ranking(ranks)
        assert me.session.kept[0].mode is Mode.RANK


async def test_backspace_and_undo() -> None:
    async with driving(ScriptedSession([group(1, TEXTS)], mode=Mode.RANK)) as me:
        await me.at_desk()
        await me.press("3", "backspace", "1", "2", "3")
        await me.kept(1)
        assert me.session.kept[0].verdict == Ranking((1, 2, 3, 4))
        assert "last: 1 > 2 > 3 > 4" in me.text
        await me.press("backspace")
        await me.until(lambda: not me.session.kept)
        await me.at_desk()
        assert "[ 1. ]" in me.text and "⏎ keep" in me.text
        await me.press("backspace")
        assert "⏎ keep" not in me.text  # it is not complete any more
        await me.press("4")
        await me.kept(1)


async def test_what_the_tie_key_said_goes_with_the_digit_it_was_for() -> None:
    async with driving(ScriptedSession([group(1, TEXTS)], mode=Mode.RANK)) as me:
        await me.at_desk()
        await me.press("3", "equals_sign")
        assert "the next digit ties" in me.text
        await me.press("1")
        assert "[ 1. ]" in me.text and "the next digit ties" not in me.text


async def test_more_cards_than_fit_and_the_keys_that_lead_to_them() -> None:
    texts = [f"text {n}" for n in range(9)]
    async with driving(ScriptedSession([group(1, texts)], mode=Mode.RANK)) as me:
        await me.at_desk()
        assert "↑↓ card" in me.text and "▶9" not in me.text
        await me.press(*["down"] * 8)
        await me.sees("▶9")


async def test_a_rank_is_given_once() -> None:
    async with driving(ScriptedSession([group(1, TEXTS)], mode=Mode.RANK)) as me:
        await me.at_desk()
        await me.press("3", "3", "9")
        assert "there are 4 completions" in me.text
        assert me.session.drafts[(1, 0)].entries == ("", "", "1", "")
        await me.press("down")
        assert "there are 4 completions" in me.text
        await me.press("backspace")
        assert "there are 4 completions" not in me.text, "a key that was taken ends the refusal"


@pytest.mark.parametrize(
    ("keys", "ranks"),
    [
        (["2", "4", "enter"], (2, 1, 2, 4)),
        (["2", "1", "[", "3"], (1, 2, 3, 4)),
        (["2", "1", "【", "3"], (1, 2, 3, 4)),
        (["2", "1", "up", "down", "]", "[", "4"], (2, 1, 4, 3)),
    ],
)
async def test_best_and_worst_and_moving(keys: list[str], ranks: tuple[int, ...]) -> None:
    async with driving(ScriptedSession([group(1, TEXTS)], mode=Mode.RANK)) as me:
        await me.at_desk()
        named = {"[": "left_square_bracket", "]": "right_square_bracket"}
        await me.press(*[named.get(key, key) for key in keys])
        await me.kept(1)
        assert me.session.kept[0].verdict == Ranking(ranks)


async def test_moving_what_has_no_place_is_refused() -> None:
    async with driving(ScriptedSession([group(1, TEXTS)], mode=Mode.RANK)) as me:
        await me.at_desk()
        await me.press("left_square_bracket")
        assert "1 has no place yet" in me.text
        await me.press("3", "enter")
        assert "best, worst and Enter" in me.text and not me.session.kept


@pytest.mark.parametrize(
    ("mode", "keys", "count"), [(Mode.RANK, "213", 3), (Mode.SCORE, "5321", 4), (Mode.PAIR, "1", 1)]
)
async def test_keystrokes_of_a_group(mode: Mode, keys: str, count: int) -> None:
    texts = TEXTS[:2] if mode is Mode.PAIR else TEXTS
    async with driving(ScriptedSession([group(1, texts)], mode=mode)) as me:
        await me.at_desk()
        await me.press(*keys)
        await me.kept(1)
        assert len(me.session.kept[0].keys) == len(keys) == count


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_mean_reward_of_ranks_is_not_shown(size: tuple[int, int]) -> None:
    """It is 0 whatever is learned."""
    session = ScriptedSession([group(1, TEXTS)], mode=Mode.RANK, batch_size=4)
    async with driving(session, size) as me:
        await me.at_desk()
        await me.press("2", "1", "3")
        await me.sees("update 1: KL 0.80")
        assert "reward" not in me.text

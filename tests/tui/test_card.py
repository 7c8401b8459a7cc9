"""A card's border says what its text is of."""

from __future__ import annotations

import pytest

from hitl.records import Mode
from hitl.tui.widgets.card import Card

from .driving import Driver, driving
from .scripted import ScriptedSession, group

TEXTS = ["a fine day", "a dull day", "a long day at sea", "no day at all"]


async def test_what_changed_while_it_had_no_place_is_in_its_border_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Even where the layout, when it comes, brings no news of a size."""
    async with driving(ScriptedSession([group(1, TEXTS)])) as me:
        await me.at_desk()
        await me.press("5")
        monkeypatch.setattr(Card, "on_resize", lambda self: None)
        box, card = me.app.screen.query_one("#cards"), me.app.screen.cards[0]
        box.display = False
        await me.until(lambda: not card.size.width)
        card.show("another text", 77, True)
        box.display = True
        await me.until(lambda: "another text" in me.text and "77 tok" in me.text)


@pytest.mark.parametrize("mode", [Mode.SCORE, Mode.PAIR])
@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_cards_measured_while_they_have_no_place_get_their_height_with_it(
    mode: Mode, size: tuple[int, int]
) -> None:
    """A busy machine lays them out later than it calls back."""
    texts = TEXTS[:2] if mode is Mode.PAIR else TEXTS
    async with driving(ScriptedSession([group(1, texts)], mode=mode), size) as me:
        await me.at_desk()
        cards, box = me.app.screen.cards, me.app.screen.query_one("#cards")
        await me.until(lambda: cards[0].region.height >= 4)
        heights = [card.region.height for card in cards]
        box.display = False
        await me.until(lambda: not box.size)
        for card in cards:
            card.styles.height = 0
        me.app.screen.size_cards()
        box.display = True
        await me.until(lambda: [card.region.height for card in cards] == heights)


def in_view(me: Driver) -> bool:
    card, box = me.app.screen.current_card(), me.app.screen.query_one("#cards")
    return bool(card.size) and box.region.contains_region(card.region)


async def test_the_card_that_is_judged_is_in_view_after_a_wait() -> None:
    session = ScriptedSession([group(1, TEXTS + TEXTS[:2])], batch_size=6, pause_s={"update": 0.5})
    async with driving(session) as me:
        await me.at_desk()
        await me.press(*["5"] * 6)
        await me.kept(1)
        assert me.app.screen.current_card().place == 0
        await me.until(lambda: in_view(me), seconds=3)


@pytest.mark.parametrize("over", ["", "?"])
@pytest.mark.parametrize("start", [(120, 50), (200, 60), (80, 30)])
async def test_the_card_that_is_judged_is_in_view_in_a_terminal_that_shrinks(
    start: tuple[int, int], over: str
) -> None:
    async with driving(ScriptedSession([group(1, TEXTS + TEXTS[:2])]), start) as me:
        await me.at_desk()
        await me.press(*["down"] * 5)
        if over:
            await me.press("question_mark")
        await me.pilot.resize_terminal(80, 24)
        if over:
            await me.press("escape")
        await me.until(lambda: me.app.screen.size == (80, 24) and in_view(me), seconds=5)
        assert me.app.screen.current_card().place == 5

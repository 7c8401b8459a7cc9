"""A card's border says what its text is of."""

from __future__ import annotations

import pytest

from hitl.records import Mode
from hitl.tui.widgets.card import Card

from .driving import driving
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

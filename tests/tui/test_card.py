"""A card's border says what its text is of."""

from __future__ import annotations

import pytest

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

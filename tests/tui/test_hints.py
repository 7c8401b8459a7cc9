"""The line of keys says how to leave in every width."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from hitl.tui.hints import fitting

from .driving import driving
from .test_pair_screen import pairs

HINTS = "← → better  ↓ tie  跳过 ␣  q quit  ? help"


@given(st.integers(15, 60))
def test_what_fits_stays_and_so_does_the_way_out(width: int) -> None:
    told = fitting(HINTS, width)
    assert cell_len(told) <= width
    assert told.endswith("q quit  ? help")
    assert all(hint in HINTS.split("  ") for hint in told.split("  "))
    assert (told == HINTS) == (cell_len(HINTS) <= width)


async def test_a_screen_of_110_columns_shows_the_way_out() -> None:
    async with driving(pairs(), size=(110, 30)) as me:
        await me.at_desk()
        assert me.lines[-1].rstrip().endswith("q quit  ? help")

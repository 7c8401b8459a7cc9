"""The line of keys at the bottom, in whatever room there is. Pure."""

from __future__ import annotations

from rich.cells import cell_len


def fitting(hints: str, width: int) -> str:
    """As many of the hints, which stand two blanks apart, as fit into `width` cells. The last two
    always stay: how to leave, and where the others are told."""
    told = hints.split("  ")
    while cell_len("  ".join(told)) > width and len(told) > 2:
        del told[-3]
    return "  ".join(told)

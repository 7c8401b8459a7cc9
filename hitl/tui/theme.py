"""Colours for hours of reading: one accent, the rest grey."""

from __future__ import annotations

from textual.theme import Theme

CALM = Theme(
    name="hitl",
    primary="#7aa2c8",
    accent="#d9b26f",
    success="#8fb573",
    warning="#e0a458",
    error="#d9706b",
    background="#15181c",
    surface="#1a1e23",
    panel="#20252b",
    foreground="#d5d8dc",
    dark=True,
    variables={
        "frame": "#454d57",
        "frame-text": "#8b949e",
        "text-settled": "#aab1b9",
        "score": "#d9b26f",
        "block-cursor-background": "#2c333b",
        "block-cursor-foreground": "#e8eaed",
        "block-cursor-text-style": "none",
    },
)

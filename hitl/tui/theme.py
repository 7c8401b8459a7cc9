"""Colours for hours of reading: one accent, the rest grey. Dark, light, or the terminal's own."""

from __future__ import annotations

from types import MappingProxyType
from typing import Literal

from textual.theme import Theme

DARK = Theme(
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

LIGHT = Theme(
    name="hitl-light",
    primary="#2f6797",
    accent="#8f5e00",
    success="#3f7320",
    warning="#9a5300",
    error="#b3302a",
    background="#fbfaf7",
    surface="#f4f2ed",
    panel="#eae7e0",
    foreground="#22262b",
    dark=False,
    variables={
        "frame": "#bdb8ad",
        "frame-text": "#5c636b",
        "text-settled": "#545b62",
        "score": "#8f5e00",
        "block-cursor-background": "#e0dccf",
        "block-cursor-foreground": "#16191d",
        "block-cursor-text-style": "none",
    },
)

# Nothing but the sixteen colours whose values the terminal chooses, on its own background: so it
# is readable on a dark and on a light one. The row of a cursor is told by its reversed colours.
ANSI = Theme(
    name="hitl-ansi",
    primary="ansi_blue",
    secondary="ansi_cyan",
    accent="ansi_cyan",
    success="ansi_green",
    warning="ansi_yellow",
    error="ansi_red",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    foreground="ansi_default",
    ansi=True,
    dark=True,
    variables={
        "frame": "ansi_bright_black",
        "frame-text": "ansi_default",
        "text-settled": "ansi_default",
        "text-muted": "ansi_bright_black",
        "score": "ansi_cyan",
        "ansi-background": "ansi_black",
        "ansi-foreground": "ansi_white",
        "block-cursor-background": "ansi_default",
        "block-cursor-foreground": "ansi_default",
        "block-cursor-text-style": "reverse",
        "border": "ansi_blue",
        "border-blurred": "ansi_bright_black",
        "input-cursor-background": "ansi_default",
        "input-cursor-foreground": "ansi_default",
        "input-cursor-text-style": "reverse",
        "input-selection-background": "ansi_blue",
        "input-selection-foreground": "ansi_default",
        "screen-selection-background": "ansi_blue",
        "screen-selection-foreground": "ansi_default",
        "scrollbar": "ansi_bright_black",
        "scrollbar-hover": "ansi_blue",
        "scrollbar-active": "ansi_blue",
        "scrollbar-background": "ansi_default",
        "scrollbar-corner-color": "ansi_default",
        "scrollbar-background-hover": "ansi_default",
        "scrollbar-background-active": "ansi_default",
    },
)

ThemeName = Literal["dark", "light", "ansi"]

THEMES: MappingProxyType[ThemeName, Theme] = MappingProxyType(
    {"dark": DARK, "light": LIGHT, "ansi": ANSI}
)
"""By the name of the option."""

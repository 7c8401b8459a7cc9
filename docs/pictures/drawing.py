"""A terminal's screen as a picture.

Each character is put into its own cell of a page, so that columns are right whatever the fonts
are: a Chinese character takes exactly two cells. Chromium draws the page. Needs the fonts DejaVu
Sans Mono and Noto Sans Mono CJK (Debian: fonts-dejavu-core, fonts-noto-cjk).
"""

from __future__ import annotations

import html
import io
from collections.abc import Sequence
from pathlib import Path

import pyte
from PIL import Image
from playwright.sync_api import Page
from pyte.screens import Char

WIDTH, HEIGHT, MARGIN = 10, 19, 10
"""Pixels of a cell, and around the screen."""

BACK, FORE = "#15181c", "#d5d8dc"
"""The colours of the terminal where the program asks for none."""

NAMED = {
    "black": "#1a1e23", "red": "#d9706b", "green": "#8fb573", "brown": "#e0a458",
    "blue": "#7aa2c8", "magenta": "#b48ead", "cyan": "#88c0d0", "white": "#d5d8dc",
}  # fmt: skip

STYLE = f"""
body {{ margin: 0; }}
main {{ position: relative; background: {BACK}; overflow: hidden; }}
i {{
    position: absolute; height: {HEIGHT}px; white-space: pre; text-align: center;
    font: 16.9px/{HEIGHT}px "DejaVu Sans Mono", "Noto Sans Mono CJK SC";
}}
b {{ position: absolute; height: {HEIGHT}px; }}
"""


def page_of(screen: pyte.Screen, rows: int | None = None) -> str:
    """HTML that draws the screen, or its first `rows`."""
    rows = screen.lines if rows is None else rows
    backs, chars = [], []
    for y in range(rows):
        row = screen.buffer[y]
        x = 0
        while x < screen.columns:
            cell = row[x]
            span = 2 if x + 1 < screen.columns and row[x + 1].data == "" else 1
            fore, back = colours(cell)
            place = f"left:{MARGIN + x * WIDTH}px;top:{MARGIN + y * HEIGHT}px;"
            place += f"width:{span * WIDTH}px"
            if back != BACK:
                backs.append(f'<b style="{place};background:{back}"></b>')
            if cell.data.strip():
                weight = ";font-weight:bold" if cell.bold else ""
                slant = "" if cell.italics else ";font-style:normal"
                under = ";text-decoration:underline" if cell.underscore else ""
                style = f"{place};color:{fore}{weight}{slant}{under}"
                chars.append(f'<i style="{style}">{html.escape(cell.data)}</i>')
            x += span
    width = screen.columns * WIDTH + 2 * MARGIN
    height = rows * HEIGHT + 2 * MARGIN
    size = f"width:{width}px;height:{height}px"
    cells = "".join(backs) + "".join(chars)
    return f"<style>{STYLE}</style><main style='{size}'>{cells}</main>"


def colours(cell: Char) -> tuple[str, str]:
    """Of the character and of what is behind it, as CSS."""
    fore, back = _css(cell.fg, FORE), _css(cell.bg, BACK)
    return (back, fore) if cell.reverse else (fore, back)


def _css(colour: str, default: str) -> str:
    if colour == "default":
        return default
    return NAMED.get(colour.removeprefix("bright"), f"#{colour}")


def draw(page: Page, screen: str) -> Image.Image:
    """What `page_of` made, as a picture."""
    page.set_content(screen)
    return Image.open(io.BytesIO(page.locator("main").screenshot())).convert("RGB")


def save(picture: Image.Image, path: Path) -> None:
    """A small PNG: text on one ground needs few colours."""
    few = picture.quantize(64, dither=Image.Dither.NONE)
    few.save(path, optimize=True)


def save_film(pictures: Sequence[Image.Image], seconds: Sequence[float], path: Path) -> None:
    """A GIF that shows each picture for so many seconds, again and again."""
    # One palette, from all of them: another one a frame would make the colours flicker.
    sheet = Image.new("RGB", (pictures[0].width, sum(p.height for p in pictures)))
    for n, picture in enumerate(pictures):
        sheet.paste(picture, (0, n * picture.height))
    palette = sheet.quantize(48, dither=Image.Dither.NONE)
    frames = [p.quantize(palette=palette, dither=Image.Dither.NONE) for p in pictures]
    frames[0].save(
        path,
        save_all=True,
        append_images=frames[1:],
        duration=[round(1000 * s) for s in seconds],
        loop=0,
        optimize=True,
    )

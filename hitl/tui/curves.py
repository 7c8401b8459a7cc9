"""A curve with axes in a few rows of text: the points in braille, two to a cell across and four
down. Pure; knows no widget.

textual-plot was tried (0.10.1, alive): its box takes four of the seven rows a chart has at 80×24,
and importing it costs .3 to .9 s. Five small charts are what this module is for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

LABEL = 7
"""Cells of the figures left of the axis."""

# Bit of each dot in a braille cell, [column][row].
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a chart: the figure and the axis, then the curve."""

    axis: str
    curve: str


def chart(values: Sequence[float], first: int, width: int, height: int) -> list[Row]:
    """`values` of updates `first`, `first` + 1 …, drawn into `width` cells and `height` rows, of
    which the last is the axis of updates. What is not finite leaves a gap. When there are more
    values than dots, each dot column stands for several and shows their mean."""
    plot_width, plot_height = max(width - LABEL - 1, 1), max(height - 1, 1)
    low, high = bounds(values)
    dots = [[0] * plot_width for _ in range(plot_height)]
    for x, y in _points(values, low, high, 2 * plot_width, 4 * plot_height):
        dots[y // 4][x // 2] |= _DOTS[x % 2][y % 4]
    rows = [
        Row(
            label_at(line, plot_height, low, high).rjust(LABEL) + "┤",
            "".join(chr(0x2800 + cell) if cell else " " for cell in cells),
        )
        for line, cells in enumerate(dots)
    ]
    last = first + len(values) - 1
    left, right = str(first), str(last) if len(values) > 1 else ""
    line = left + right.rjust(max(plot_width - len(left), 0))
    return [*rows, Row(" " * LABEL + "└", line[:plot_width])]


def bounds(values: Sequence[float]) -> tuple[float, float]:
    """Least and greatest finite value, apart at least by a little."""
    finite = [value for value in values if _drawable(value)]
    if not finite:
        return 0.0, 1.0
    low, high = min(finite), max(finite)
    if high - low <= 1e-9 * max(abs(high), 1.0):
        margin = max(abs(high) * 0.05, 0.05)
        return low - margin, high + margin
    return low, high


def label_at(line: int, height: int, low: float, high: float) -> str:
    """The figure at a row: the top, the bottom, and the middle where there is room for it."""
    if line == 0:
        return figure(high)
    if line == height - 1:
        return figure(low)
    if height >= 5 and height % 2 and line == height // 2:
        return figure((low + high) / 2)
    return ""


def figure(value: float) -> str:
    """Three digits that count, in at most LABEL cells."""
    size = abs(value)
    if size and (size >= 1e5 or size < 1e-3):
        return f"{value:.0e}"
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 0.1 else 3
    return f"{value:.{digits}f}"


def _points(
    values: Sequence[float], low: float, high: float, across: int, down: int
) -> list[tuple[int, int]]:
    """(column, row) of each dot, row 0 on top; neighbours are joined by a line."""
    scale = (down - 1) / (high - low)
    columns: dict[int, list[float]] = {}
    for place, value in enumerate(values):
        x = round(place * (across - 1) / max(len(values) - 1, 1))
        columns.setdefault(x, []).append(value)
    points: list[tuple[int, int]] = []
    before: tuple[int, int] | None = None
    for x, here in columns.items():
        finite = [value for value in here if _drawable(value)]
        if not finite:
            before = None
            continue
        y = down - 1 - round((sum(finite) / len(finite) - low) * scale)
        point = (x, min(max(y, 0), down - 1))
        points += [point] if before is None else _line(before, point)
        before = point
    return points


def _drawable(value: float) -> bool:
    return math.isfinite(value) and abs(value) < 1e100  # sums and ranges stay finite too


def _line(start: tuple[int, int], end: tuple[int, int]) -> list[tuple[int, int]]:
    steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
    return [
        (
            start[0] + round((end[0] - start[0]) * i / steps),
            start[1] + round((end[1] - start[1]) * i / steps),
        )
        for i in range(steps + 1)
    ]

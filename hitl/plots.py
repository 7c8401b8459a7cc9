"""Pictures of a training as PNG. Matplotlib is imported when the first one is drawn."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hitl.atomic import atomic_write
from hitl.records import UpdateStats

_DPI = 110
_PANEL = (4.6, 3.1)
"""Inches."""


@dataclass(frozen=True, slots=True)
class Line:
    """One curve: what it is, and its points."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True, slots=True)
class Panel:
    """Curves that share their axes."""

    title: str
    x_label: str
    lines: tuple[Line, ...]
    diagonal: bool = False
    """Draw y = x behind them."""


def draw(path: Path, panels: Sequence[Panel]) -> bool:
    """Writes one picture with the panels side by side; a panel without a point is left out.
    Nothing is written when all are; returns whether there is a picture."""
    # The object interface: pyplot would look for a screen, and keep every figure.
    from matplotlib.figure import Figure

    shown = [panel for panel in panels if any(line.x for line in panel.lines)]
    if not shown:
        return False
    figure = Figure(figsize=(_PANEL[0] * len(shown), _PANEL[1]), layout="constrained")
    axes: Any = figure.subplots(1, len(shown), squeeze=False)
    for axis, panel in zip(axes[0], shown, strict=True):
        for line in panel.lines:
            axis.plot(line.x, line.y, label=line.name, marker="." if len(line.x) < 40 else None)
        if panel.diagonal:
            axis.axline((0.5, 0.5), slope=1, color="0.7", linestyle="--", zorder=0)
        axis.set_title(panel.title)
        axis.set_xlabel(panel.x_label)
        axis.grid(alpha=0.3)
        if len(panel.lines) > 1:
            axis.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, buffer.getvalue())
    return True


def draw_run(folder: Path, updates: Sequence[UpdateStats]) -> list[Path]:
    """reward, kl, entropy, losses and timing of a run's updates, a picture each; returns where
    they are."""
    numbers = [float(stats.number) for stats in updates]

    def panel(title: str, *names: str) -> Panel:
        lines = (Line(n, numbers, [float(getattr(s, n)) for s in updates]) for n in names)
        return Panel(title, "update", tuple(lines))

    pictures = {
        "reward": (panel("mean reward", "reward"), panel("spread of the rewards", "reward_std")),
        "kl": (panel("KL to the base, nats a text", "sequence_kl"),
               panel("weight of the KL penalty", "kl_coef"),
               panel("KL of the update, nats a token", "step_kl")),
        "entropy": (panel("entropy, nats a token", "entropy"),
                    panel("clipped share", "clip_fraction")),
        "losses": (panel("policy loss", "policy_loss"), panel("value loss", "value_loss"),
                   panel("gradient norm", "gradient_norm")),
        "timing": (panel("seconds an update", "seconds"),),
    }  # fmt: skip
    paths = {folder / f"{name}.png": panels for name, panels in pictures.items()}
    return [path for path, panels in paths.items() if draw(path, panels)]

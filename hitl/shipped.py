"""Where the prompts and models lie that come with the program."""

from __future__ import annotations

from pathlib import Path

POLICIES = ("tiny-zh", "tiny-en")
SCORERS = ("sentiment-zh", "sentiment-en")


def shipped(kind: str, name: str) -> Path | None:
    """Path of `kind`/`name` ("checkpoints"/"tiny-zh", "prompts"/"zh.txt"), or None.

    In an installed wheel the files are inside the package; in a checkout, at its root.
    """
    package = Path(__file__).parent
    for root in (package / "shipped", package.parent):
        path = root / kind / name
        # Beside site-packages/hitl may lie anything: only a checkout has a pyproject.toml.
        if path.exists() and (root == package / "shipped" or (root / "pyproject.toml").is_file()):
            return path
    return None

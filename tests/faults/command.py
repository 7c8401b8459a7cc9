"""The program in a fork that has its imports already: what a process of its own would take seconds
for. Called by the driver."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hitl.cli import main

SMALL = (
    "--lang", "en", "--group-size", "2", "--batch-size", "4", "--max-new-tokens", "4",
    "--threads", "1", "--device", "cpu",
)  # fmt: skip
LINES = ("3 1", "5 2", "2 2", "1 4", "4 5", "3 3", "5 1", "2 4", "1 1", "4 2", "3 5", "2 1")
"""What the operator types: 12 groups of 2 make 6 updates."""


def hitl(folder: str, words: Sequence[str], typed: Sequence[str] = ()) -> dict[str, Any]:
    """`hitl WORDS` in a folder, with these lines on standard input: exit code, stdout, stderr."""
    os.chdir(folder)
    here = Path(folder)
    (here / "in").write_text("".join(f"{line}\n" for line in typed), encoding="utf-8")
    for number, name, flags in ((0, "in", os.O_RDONLY), (1, "out", _WRITE), (2, "err", _WRITE)):
        descriptor = os.open(here / name, flags, 0o644)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin = io.TextIOWrapper(io.FileIO(0, "r", closefd=False), "utf-8")
    sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), "utf-8")
    sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), "utf-8", write_through=True)
    code = main(words)
    sys.stdout.flush()
    return {
        "code": code,
        "out": (here / "out").read_text(encoding="utf-8"),
        "err": (here / "err").read_text(encoding="utf-8"),
    }


_WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


def begin(shop: str, folder: str, lines: int, more: Sequence[str] = ()) -> dict[str, Any]:
    """Run `a` in a new folder, judged by the first of LINES."""
    os.makedirs(folder)
    words = ("train", "--plain", "--run", "a", "--policy", f"{shop}/policy",
             "--prompts", f"{shop}/prompts.txt", *SMALL, *more)  # fmt: skip
    return hitl(folder, words, LINES[:lines])


def state(folder: str) -> dict[str, Any]:
    """What is in the newest checkpoint of run `a`, without judging it."""
    path = max(p for p in Path(folder, "checkpoints", "a", "steps").iterdir() if p.name.isdigit())
    said = json.loads((path / "state.json").read_text())
    return {"version": said["version"], "digest": said["last"]["digest"]}

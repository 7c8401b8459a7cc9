"""A training that is stopped with Ctrl+C and gone on with comes to the very same."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from .conftest import inside, teller


def come_to_the_same(
    folder: Path,
    words: Sequence[str],
    progress: str,
    lines: int,
    *,
    files: Sequence[str] = ("model.safetensors",),
    meanwhile: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """The figures of `hitl WORDS`, once whole and once stopped after so many `lines`, which the
    function called `progress` says. `meanwhile` is called between the two halves."""
    whole = teller(folder)(*words, "--out", "whole")
    said: list[str] = []

    def stop(line: str) -> None:
        said.append(line)
        if len(said) == lines:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(progress, stop)
        assert inside(folder, *words, "--out", "parts")[0] == 130
    work = folder / "parts.training"
    assert work.is_dir() and not (folder / "parts").exists()
    meanwhile()
    code, out, progressed = inside(folder, *words, "--out", "parts", "--json")
    assert code == 0 and not progressed.startswith("before"), "it goes on, and does not begin again"
    parts = json.loads(out.splitlines()[-1])
    assert {**parts, "out": ""} == {**whole, "out": ""}
    for name in files:
        assert (folder / "parts" / name).read_bytes() == (folder / "whole" / name).read_bytes()
    assert not work.exists()
    return whole

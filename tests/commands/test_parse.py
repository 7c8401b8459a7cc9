"""What the words of the command line become."""

from __future__ import annotations

from pathlib import Path

import pytest

from hitl.commands.parse import parse
from hitl.config.commands import Export, Train


def test_the_home_folder_is_found_behind_an_equals_sign_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a shell does not put it in."""
    monkeypatch.setenv("HOME", str(tmp_path))
    command = parse(Export, "export", ["a", "--format=scores", "--out=~/x"])
    assert command.out == tmp_path / "x"
    train = parse(Train, "train", ["--prompts=~/p.txt", "--root=~", "--run=~x"])
    assert train.session.prompts == str(tmp_path / "p.txt")
    assert (train.root, train.run) == (str(tmp_path), "~x")

"""Where the policy lives is said on the command line, before anything is made or opened."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from hitl.cli import main


def train(root: Path, *words: str) -> int:
    return main(["train", "--run", "a", "--root", str(root), "--lang", "en", "--plain", *words])


def test_without_ray_one_line_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "ray" else find(name)
    )
    assert train(tmp_path, "--engine", "ray") == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith("is not installed: pip install ray")
    assert list(tmp_path.iterdir()) == []


def test_an_address_needs_the_engine_it_is_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(tmp_path, "--ray-address", "gpubox:6379") == 2
    assert "--ray-address gpubox:6379 needs --engine ray" in capsys.readouterr().err
    assert train(tmp_path, "--engine", "ray", "--ray-address", " ") == 2
    assert "--ray-address is empty" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_workers_need_the_engine_they_are_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(tmp_path, "--workers", "2") == 2
    assert "--workers 2 needs --engine ray" in capsys.readouterr().err
    assert train(tmp_path, "--engine", "ray", "--workers", "0") == 2
    assert "--workers 0 is too small: at least 1" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [(), ("--engine", "ray"), ("--engine", "ray", "--workers", "1")])
def test_pieces_need_several_workers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    assert train(tmp_path, "--shard", *words) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "--shard needs --engine ray and --workers of 2 or more" in line
    assert list(tmp_path.iterdir()) == []

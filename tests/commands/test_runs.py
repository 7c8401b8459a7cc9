"""`hitl runs`: a table that hides no name."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len

from hitl import cli
from hitl.rundir import RunDir

LONG = "a-rather-long-name-of-a-run-that-goes-on"
CHINESE = "一次很长的中文训练名字"
DAMAGED = "d" * 30


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three that are whole, one of a policy by a long path, and one that is not."""
    monkeypatch.chdir(tmp_path)
    for name, policy in ((LONG, "tiny-en"), (CHINESE, "/home/somebody/models/of/mine/gpt2"),
                         ("p1", "tiny-zh"), (DAMAGED, "tiny-zh")):  # fmt: skip
        run = RunDir.create(Path("checkpoints"), name, {"options": {"policy": policy}})
    run.config_path.write_text("nothing of the kind")


def listed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int, tty: bool
) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: tty)
    assert cli.main(["runs"]) == 0
    return re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()


@pytest.mark.parametrize("columns", [30, 60, 80, 200])
@pytest.mark.parametrize("tty", [False, True])
def test_no_name_is_cut_at_any_width(
    runs: None,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    columns: int,
    tty: bool,
) -> None:
    first = [line.split()[0] for line in listed(capsys, monkeypatch, columns, tty)]
    assert {LONG, CHINESE, DAMAGED, "p1"} <= set(first)


def test_what_is_damaged_stands_below_and_narrows_nothing(
    runs: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = listed(capsys, monkeypatch, 60, tty=True)
    [place] = [n for n, line in enumerate(lines) if line.endswith("damaged")]
    assert lines[place - 1] == DAMAGED and "config.json" in lines[place + 1]
    rest = [line for line in lines if line not in (LONG, CHINESE, DAMAGED, lines[place + 1])]
    assert len(rest) == 5 and max(map(cell_len, rest)) <= 60
    assert len({cell_len(line) for line in rest if line.endswith("intact")}) == 1
    assert any("/home/s…" in line for line in rest)


def test_a_pipe_has_no_width(
    runs: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = listed(capsys, monkeypatch, 60, tty=False)
    assert len(lines) == 1 + 4 + 1
    assert any(
        line.split()[:2] == [CHINESE, "/home/somebody/models/of/mine/gpt2"] for line in lines
    )

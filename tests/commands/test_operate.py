"""How a session in line mode ends."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from hitl import assemble
from hitl.commands.operate import operate
from hitl.config.recorded import to_json
from hitl.config.session import SessionConfig
from hitl.errors import HitlError
from hitl.operator import Notice, Operator
from hitl.rundir import RunDir


def test_a_pipe_whose_line_was_not_kept_ends_with_the_line_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def session(run_dir: RunDir, operator: Operator, opening: object) -> None:
        operator.notify(Notice("the disk is full", "error", lost=True))

    monkeypatch.setattr(assemble, "run", session)
    monkeypatch.setattr(sys, "stdin", io.StringIO("1 2\n"))
    run_dir = RunDir.create(tmp_path, "a", {"options": to_json(SessionConfig(lang="en"))})
    with pytest.raises(
        HitlError, match=r"not kept \(the disk is full\).*: hitl resume a$"
    ) as ended:
        operate(run_dir, plain=True)
    assert ended.value.exit_code == 1 and capsys.readouterr().err == ""

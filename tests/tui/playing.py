"""A program for test_terminal: the app on a real terminal, with a scripted session."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hitl.config.session import SessionConfig
from hitl.operator import Operator
from hitl.tui.app import SessionPlan
from hitl.tui.screens.frame import SessionInfo
from hitl.tui.start import run_session
from tests.tui.scripted import ScriptedSession, group


def before(operator: Operator) -> None:
    os.write(2, b"NOISE OF A LIBRARY\n")
    if "fail" in sys.argv:
        raise RuntimeError("no weights")


session = ScriptedSession([group(1, ["a fine day", "天气很好"])], before=before)
info = SessionInfo("en-01", SessionConfig(group_size=2, batch_size=8), "tiny-en", 0)
code = run_session(SessionPlan(info, session.start), log=Path(sys.argv[1]))
print("code", code, [type(reply).__name__ for reply in session.replies])

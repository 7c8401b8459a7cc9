"""`hitl join`: a person judges for a run that is hosted elsewhere."""

from __future__ import annotations

import importlib.util
import os
import sys
from dataclasses import replace

from hitl.commands.operate import has_terminal
from hitl.config.commands import Join
from hitl.config.recorded import from_json
from hitl.departure import leaving_by_signal
from hitl.errors import UsageError
from hitl.language import translator_for
from hitl.scale import Scale


def join(command: Join) -> int:
    """One session, until the operator leaves."""
    if importlib.util.find_spec("aiohttp") is None:
        raise UsageError("hitl join needs aiohttp: pip install aiohttp")
    from hitl.host.joining import Joined, Where

    run, address = command.run_and_address
    token = command.token or os.environ.get("HITL_TOKEN")
    if not token:
        raise UsageError("give the token that `hitl host` printed, with --token or in HITL_TOKEN")
    joined = Joined(Where(run, address, token, command.operator))
    welcome = joined.connect()
    options = from_json(welcome.options, welcome.ppo, address)
    config = replace(options, operator_name=command.operator)
    tr = translator_for(command.look)
    back = f"hitl join {command.where} --operator {command.operator}"
    if command.plain or not has_terminal():
        from hitl.plain import PlainOperator

        operator = PlainOperator(
            command.operator, Scale.parse(config.scale), sys.stdin, sys.stdout, tr
        )
        with leaving_by_signal(operator.leave) as departure:
            joined.hold(operator)
        if operator.lost is not None:
            raise operator.lost.error(back, tr)
        print(tr("you have left run {run}: {command}", run=run, command=back), file=sys.stderr)
        return departure.exit_code or 0
    from hitl.tui.app import SessionPlan
    from hitl.tui.screens.frame import SessionInfo
    from hitl.tui.start import run_session

    info = SessionInfo(
        f"{run}@{address}",
        config,
        config.base_policy,
        len(welcome.updates),
        welcome.updates,
        None,
        welcome.checkpoint_age,
    )
    code = run_session(SessionPlan(info, joined.hold), tr=tr, theme=command.look.theme)
    print(tr("you have left run {run}: {command}", run=run, command=back))
    return code

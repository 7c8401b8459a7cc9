"""Opens a run for a person: the terminal UI, or line mode."""

from __future__ import annotations

import os
import sys
from dataclasses import replace

from hitl.commands.farewell import saved
from hitl.commands.stint import Stint
from hitl.config.look import PLAIN_LOOK, Look
from hitl.departure import leaving_by_signal
from hitl.importing import importing
from hitl.language import translator_for
from hitl.opening import AS_IT_IS, Opening, config_of
from hitl.rundir import RunDir
from hitl.scale import Scale


def has_terminal() -> bool:
    """Whether a person sits at both ends, or at a browser."""
    return in_browser() or (sys.stdin.isatty() and sys.stdout.isatty())


def in_browser() -> bool:
    """Whether `hitl serve` started this: standard output carries the page then."""
    return "TEXTUAL_DRIVER" in os.environ


def operate(
    run_dir: RunDir, *, plain: bool, opening: Opening = AS_IT_IS, look: Look = PLAIN_LOOK
) -> int:
    """One session at the run, until the operator leaves."""
    tr = translator_for(look)
    if plain or not has_terminal():
        from hitl.assemble import run
        from hitl.plain import PlainOperator

        config = config_of(run_dir)
        scale = Scale.parse(config.scale)
        operator = PlainOperator(config.operator_name, scale, sys.stdin, sys.stdout, tr)
        # Nobody is kept waiting at a pipe, so nothing is done ahead: the same input gives the
        # same run. And what is piped in names completions as they were sampled.
        if has_terminal():
            opening = replace(opening, ahead=config.ahead, shuffle=True)
        with leaving_by_signal(operator.leave) as departure:
            run(run_dir, operator, opening)
        if operator.lost is not None:
            raise operator.lost.error(f"hitl resume {run_dir.name}", tr)
        for line in saved(run_dir):
            _say(tr(line))
        return departure.exit_code or 0
    with importing():
        from hitl.tui.start import run_session

    stint = Stint(run_dir.path.parent, opening)
    code = run_session(
        stint.open(run_dir, opening), stint.begin, tr=tr, theme=look.theme, log=run_dir.log_path
    )
    if not in_browser():
        stint.say_farewell(tr)
    return code


def _say(line: str) -> None:
    """On stderr, if that is still there."""
    try:
        print(line, file=sys.stderr)
        sys.stdout.flush()
    except OSError:
        from hitl.tui.terminal import abandon

        abandon()  # or Python would complain at exit of what it could not write

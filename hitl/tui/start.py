"""Opens the app on the terminal, and says how it ended."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from hitl.records import UpdateStats
from hitl.tui.app import HitlApp, SessionPlan
from hitl.tui.choices import NewRun, ResumeRun, Summary
from hitl.tui.remap import keymap_path, load_keymap
from hitl.tui.terminal import drawing
from hitl.tui.theme import ThemeName
from hitl.wording import ENGLISH, Translator


def run_session(
    plan: SessionPlan,
    begin: Callable[[ResumeRun | NewRun], SessionPlan] | None = None,
    *,
    tr: Translator = ENGLISH,
    theme: ThemeName = "dark",
    log: Path | None = None,
) -> int:
    """Opens the plan's screen at once, and runs its session in a thread until it returns.

    What the session raises is raised here, after the terminal is restored. Returns the exit code.
    `begin` opens the run that this one is left for; `log` takes what C libraries write to fd 2
    meanwhile.
    """
    keymap = load_keymap(keymap_path())
    return _run(HitlApp(plan=plan, begin=begin, keymap=keymap, tr=tr, theme=theme), log)


def pick_and_run(
    runs: Sequence[Summary],
    begin: Callable[[ResumeRun | NewRun], SessionPlan],
    *,
    tr: Translator = ENGLISH,
    theme: ThemeName = "dark",
    log: Path | None = None,
    updates: Callable[[str], Sequence[UpdateStats]] = lambda run: (),
) -> int:
    """The picker and then the session in one app, without a flicker between them.

    `begin` is called on the screen's thread: it reads a config, nothing slow. So is
    `updates(run)`: the updates a run can go back to.
    """
    keymap = load_keymap(keymap_path())
    app = HitlApp(runs=runs, begin=begin, updates=updates, keymap=keymap, tr=tr, theme=theme)
    return _run(app, log)


def _run(app: HitlApp, log: Path | None) -> int:
    with drawing(log):
        try:
            app.run()
        finally:
            if not app.at_once:
                app.finish()
    if app.at_once and app.signal is not None:
        os._exit(128 + app.signal)
    if app.error is not None:
        raise app.error
    return 128 + app.signal if app.signal is not None else app.return_code or 0

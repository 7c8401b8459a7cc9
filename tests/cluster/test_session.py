"""A person's session with the policy on a cluster."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from hitl.assemble import run
from hitl.cli import main
from hitl.config.place import Place
from hitl.config.session import SessionConfig
from hitl.creation import create_run
from hitl.journal import Journal
from hitl.opening import Opening
from hitl.operator import Desk, Event, Judged, Notice, Progress, Quit, Reply
from tests.fakes import Scripted, scores

from .conftest import Nodes, Once, kill_worker

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parent.parent.parent


class Bereaved(Scripted):
    """Loses the policy's process in the first update; the script may wait for the news of it."""

    def __init__(self, script: list[Reply | Callable[[Desk], Reply]]) -> None:
        super().__init__(script)
        self._once = Once()
        self._once.arm("update", kill_worker)
        self.heard_of_it = threading.Event()

    def notify(self, event: Event) -> None:
        super().notify(event)
        if isinstance(event, Progress):
            self._once.heard(event.stage)
        if isinstance(event, Notice) and "is gone" in event.text:
            self.heard_of_it.set()


def test_a_policy_lost_in_an_update_keeps_nobody_from_judging(
    nodes: Nodes, config: SessionConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_dir = create_run(tmp_path, "a", config)

    def when_it_is_gone(desk: Desk) -> Reply:
        assert operator.heard_of_it.wait(600)
        return scores(4, 2)(desk)

    operator = Bereaved([scores(5, 1), scores(1, 5), when_it_is_gone, scores(2, 3), Quit()])
    run(run_dir, operator, Opening(ahead=3, place=Place("ray", nodes.address)))
    texts = [
        event.text if isinstance(event, Notice) else "judged"
        for event in operator.events
        if isinstance(event, Notice | Judged)
    ]
    [gone] = [place for place, text in enumerate(texts) if "is gone" in text]
    [back] = [place for place, text in enumerate(texts) if "the policy is back" in text]
    assert texts[:gone] == ["judged"] * 2 and "judged" in texts[gone:back]

    # Here it goes on: the second batch is full.
    run(run_dir, Scripted([Quit()]))
    with Journal.open(run_dir.journal_path, readonly=True) as journal:
        assert [stats.labels for stats in journal.updates()] == [4, 4]
        ids = [judged.id for number in (1, 2) for judged in journal.update_batch(number)]
        assert sorted(ids) == sorted({judged.id for judged in journal.judged()}) and len(ids) == 4
    capsys.readouterr()
    assert main(["replay", "a", "--root", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["identical"] is True


def lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_ray_of_our_own_is_quiet_hears_no_hang_up_and_listens_to_nobody_else(
    config: SessionConfig, tmp_path: Path
) -> None:
    words = (
        f"--run a --root {tmp_path} --policy {config.policy} --prompts {config.prompts} --lang en "
        "--group-size 2 --batch-size 2 --max-new-tokens 4 --threads 1 --engine ray --plain"
    )
    with subprocess.Popen(
        [sys.executable, "-m", "hitl", "train", *words.split()], cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)}, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # not under nohup
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdin and process.stdout and process.stderr
        process.stdin.write("5 1\n")
        process.stdin.flush()
        said = ""
        while "update 1: " not in said:
            line = process.stdout.readline()
            assert line, process.stderr.read()
            said += line
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(True)]
        # Ray's agents need a minute to see that there is nothing left to do.
        kinds = ("raylet", "gcs_server", "ray::Worker")
        to_end = [member for member in family[1:] if member.name().startswith(kinds)]
        assert len(to_end) == len(kinds)
        heard = {
            connection.laddr.ip
            for member in family
            for connection in member.net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        }
        os.killpg(process.pid, signal.SIGHUP)  # as when the terminal goes away
        rest, errors = process.communicate()
    assert heard and heard <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}
    assert process.returncode == 128 + signal.SIGHUP
    assert "ray" not in (said + rest).lower().replace(str(tmp_path), "")
    assert errors.splitlines() == ["run a is saved: hitl resume a"]
    assert (tmp_path / "a" / "steps" / "000001" / "manifest.json").is_file()
    until = time.monotonic() + 60
    while left := [member for member in to_end if lives(member)]:
        assert time.monotonic() < until, left
        time.sleep(0.1)

"""Two people at the terminal UI, each in a tmux of their own, at one host."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from hitl.journal import Journal
from tests.e2e.serving import free_port
from tests.e2e.test_terminal import Terminal

from .processes import TOKEN, hosting, small_run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux"),
]


@pytest.fixture
def terminals(tmp_path: Path) -> Iterator[tuple[Terminal, Terminal]]:
    made = []
    for name in ("anna", "ben"):
        (tmp_path / name).mkdir()
        made.append(Terminal(tmp_path / name))
    yield made[0], made[1]
    for terminal in made:
        terminal.close()


def test_two_at_their_screens_go_on_after_the_host_was_killed(
    tmp_path: Path, terminals: tuple[Terminal, Terminal]
) -> None:
    root, port = small_run(tmp_path), free_port()
    where = f"a@127.0.0.1:{port}"
    anna, ben = terminals
    with hosting(root, port) as host:
        for terminal, name in ((anna, "anna"), (ben, "ben")):
            terminal.start("join", where, "--operator", name, "--token", TOKEN)
        for terminal in terminals:
            terminal.until("▶")
            terminal.keys("4", "2")
            terminal.until(r"last: |update 1")
        host.wait("update 1:")
        ben.keys("3")  # half of a group
        host.process.send_signal(signal.SIGKILL)
        host.process.wait(60)
        for terminal in terminals:
            terminal.until("is lost: it is tried again")
    with hosting(root, port):
        for terminal in terminals:
            terminal.until("the host is back")
        ben.keys("5")  # the other half
        anna.keys("1", "5")
        for terminal in terminals:
            terminal.until("update 2")
            terminal.keys("q")
            terminal.until("exit code 0")
    with Journal.open(root / "a" / "journal.db", readonly=True) as journal:
        said = [(j.operator, sorted(j.keys)) for j in journal.judgements()]
    assert sorted(said) == [
        ("anna", ["1", "5"]), ("anna", ["2", "4"]), ("ben", ["2", "4"]), ("ben", ["3", "5"])
    ]  # fmt: skip

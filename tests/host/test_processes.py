"""Two people, a host, and what can befall them: real processes, real sockets."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from hitl.journal import Journal
from hitl.second import doubly_judged, pairs_of
from hitl.supply import COME_BACK_S
from tests.e2e.conftest import environment
from tests.e2e.serving import free_port

from .processes import TOKEN, Talking, hosting, joining, small_run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ASKS = "type 2 numbers"


def journal(root: Path) -> Journal:
    return Journal.open(root / "a" / "journal.db", readonly=True)


def replayed(root: Path) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-m", "hitl", "replay", "a", "--root", str(root), "--json"],
        env=environment(), capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    said: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return said


def consumed_and_waiting(root: Path) -> tuple[list[int], list[int]]:
    """Judgements that updates consumed, and those that the next ones will."""
    with journal(root) as found:
        numbers = range(1, found.last_update() + 1)
        consumed = [j.id for number in numbers for j in found.update_batch(number)]
        return consumed, [j.id for j in found.pending()]


def test_two_judge_one_run_and_it_is_made_again_from_its_journal(tmp_path: Path) -> None:
    root, port = small_run(tmp_path), free_port()
    with hosting(root, port, "--device", "cpu") as host:
        with joining(root, port, "anna") as anna, joining(root, port, "ben") as ben:
            for n, line in enumerate(("5 1", "4 2", "1 3"), 1):
                for person in (anna, ben):
                    person.wait(ASKS, n)
                    person.type(line)
                    person.wait("kept 2 labels", n)
            anna.wait("update 1:")
            ben.wait("update 1:")
            anna.type("undo")  # her last, if it is not given away, and never one of his
            anna.type("quit")
            ben.type("quit")
            assert (anna.end(), ben.end()) == (0, 0)
            assert anna.count("you have left run a") == 1
        host.wait("update 1:")
        host.process.send_signal(signal.SIGTERM)
        assert host.end() == 0 and host.count("run a is saved") == 1
        assert host.count("anna left, ") == 1
    with journal(root) as found:
        said = found.judgements()
        assert {j.operator for j in said} == {"anna", "ben"} and found.last_update() >= 1
        assert len({j.group for j in said}) == len(said) and len(said) in (5, 6)
        assert all(j.seconds > 0 and j.keys for j in said)
        last = found.last_update()
    assert (root / "a" / "steps" / f"{last:06}").is_dir()
    assert replayed(root)["identical"] is True


def test_who_does_not_know_the_token_is_refused_in_one_line(tmp_path: Path) -> None:
    root, port = small_run(tmp_path), free_port()
    with joining(root, port, "anna") as nobody:
        assert nobody.end() == 1
        [line, _] = nobody.lines
        assert "no host answers at" in line and "hitl host a" in line
    with hosting(root, port) as host:
        with joining(root, port, "eve", token="something-else") as eve:
            assert eve.end() == 2
            [line, _] = eve.lines
            assert line.startswith("hitl: ") and "refused the token" in line
        with joining(root, port, "anna") as anna:
            anna.wait(ASKS)
            with joining(root, port, "anna") as other:
                assert other.end() == 1
                assert "anna has joined already" in other.lines[0]
        assert host.count(TOKEN) == 1 and host.count("eve") == 0
    with journal(root) as found:
        assert found.totals().judgements == 0


class Three(NamedTuple):
    host: Talking
    anna: Talking
    ben: Talking


@contextmanager
def three(root: Path, port: int) -> Iterator[Three]:
    """A host and two who joined."""
    with (
        hosting(root, port) as host,
        joining(root, port, "anna") as anna,
        joining(root, port, "ben") as ben,
    ):
        yield Three(host, anna, ben)


def test_a_host_that_is_killed_loses_no_label_and_people_go_on(tmp_path: Path) -> None:
    root, port = small_run(tmp_path), free_port()
    with three(root, port) as (first, anna, ben):
        for n in (1, 2):
            for person in (anna, ben):
                person.wait(ASKS, n)
                person.type("5 1")
                person.wait("kept 2 labels", n)
        kept = 4
        anna.wait(ASKS, 3)
        first.process.kill()
        first.process.wait(60)
        for person in (anna, ben):
            person.wait("is lost: it is tried again")
        with journal(root) as found:
            assert found.totals().judgements == kept
        anna.type("2 4")  # while nobody hears her
        assert anna.count("kept 2 labels") == 2
        with hosting(root, port) as host:
            for person in (anna, ben):
                person.wait("the host is back")
            anna.wait("kept 2 labels", 3)
            ben.type("3 3")
            ben.wait("kept 2 labels", 3)
            host.wait("update ")  # how many there were before hangs on when it was killed
            anna.type("quit")
            ben.type("quit")
            assert (anna.end(), ben.end()) == (0, 0)
            host.process.send_signal(signal.SIGINT)
            assert host.end() == 0
    consumed, waiting = consumed_and_waiting(root)
    assert sorted(consumed + waiting) == [1, 2, 3, 4, 5, 6] and len(consumed) >= 2
    assert replayed(root)["identical"] is True


def test_one_who_is_killed_leaves_their_group_to_the_others(tmp_path: Path) -> None:
    root, port = small_run(tmp_path), free_port()
    with hosting(root, port) as host:
        with joining(root, port, "anna") as anna:
            anna.wait(ASKS)
            prompt = next(line for line in anna.lines if line.startswith("1. "))
            anna.process.kill()
            host.wait("anna left, 0 there")
        with joining(root, port, "ben") as ben:
            ben.wait(ASKS)
            time.sleep(COME_BACK_S)  # and no update: what is two updates old is sampled anew
            for n in range(2, 7):
                ben.type("3 4")
                ben.wait(ASKS, n)
                if prompt in ben.lines:
                    break
            assert prompt in ben.lines


def test_groups_for_two_and_their_agreement(tmp_path: Path) -> None:
    root, port = small_run(tmp_path), free_port()
    with hosting(root, port, "--overlap", "1") as host:
        with joining(root, port, "anna") as anna, joining(root, port, "ben") as ben:
            anna.wait(ASKS)
            ben.wait(ASKS)
            for n in range(1, 7):
                for person, line in ((anna, "5 1"), (ben, "4 2")):
                    person.wait(ASKS, n)
                    person.type(line)
                    person.wait("kept 2 labels", n)
            host.wait("Krippendorff's alpha")
            for person in (anna, ben):
                person.type("quit")
                assert person.end() == 0
        host.process.send_signal(signal.SIGTERM)
        assert host.end() == 0
    told = next(line for line in host.lines if "alpha" in line)
    assert re.search(r"alpha -?\d\.\d\d over \d+ groups", told)
    with journal(root) as found:
        both = doubly_judged(pairs_of(found.events()), found.judgements())
        assert len(both) >= 2
        texts = {j.group.key: j.group.completions for j in found.judged()}
        assert all(texts[one.group] == texts[other.group] for one, other in both)
    assert replayed(root)["identical"] is True

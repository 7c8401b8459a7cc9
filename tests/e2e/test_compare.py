"""Before and after on real runs."""

from __future__ import annotations

import json

from .conftest import Hitl

SMALL = ("--group-size", "4", "--batch-size", "8", "--max-new-tokens", "8", "--threads", "1")


def test_a_taught_policy_beside_its_base(hitl: Hitl) -> None:
    made = hitl("simulate", "--lang", "zh", *SMALL, "--labels", "48", "--run", "s", "--json")
    assert made.returncode == 0, made.stderr
    done = hitl("compare", "s", "--n", "30", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["n"], found["version"], len(found["samples"])) == (32, 6, 32)
    assert 0.05 < found["sequence_kl"] < 20
    different = [s for s in found["samples"] if s["before"] != s["after"]]
    assert 8 < len(different) <= 32
    assert found["reward_after"] > found["reward_before"]
    # The same numbers again, and as Markdown.
    again = hitl("compare", "s", "--n", "30", "--show", "2").stdout
    assert f"| reward, mean | {found['reward_before']:.2f} | {found['reward_after']:.2f} |" in again
    assert again.count("\n|") == 1 + 5 + 2 + 2


def test_a_run_without_an_update_is_its_base(hitl: Hitl) -> None:
    assert hitl("train", "--plain", "--lang", "en", *SMALL, "--run", "a").returncode == 0
    found = json.loads(hitl("compare", "a", "--n", "4", "--json").stdout)
    assert found["version"] == 0 and abs(found["sequence_kl"]) < 1e-4
    assert all(s["before"] == s["after"] for s in found["samples"])


def test_what_cannot_be_compared_is_one_line(hitl: Hitl) -> None:
    assert hitl("train", "--plain", "--lang", "en", *SMALL, "--run", "a").returncode == 0
    for arguments, message in (
        (("b",), "there is no run b"),
        (("a", "--n", "0"), "--n 0 is too small"),
        (("a", "--reward", "no-such-thing"), "no-such-thing"),
    ):
        done = hitl("compare", *arguments)
        assert done.returncode in (1, 2)
        assert message in done.stderr and len(done.stderr.strip().splitlines()) == 1

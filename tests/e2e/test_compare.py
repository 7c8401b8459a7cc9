"""Before and after on real runs."""

from __future__ import annotations

from pathlib import Path

from .conftest import Hitl, Told, inside

SMALL = ("--group-size", "4", "--batch-size", "8", "--max-new-tokens", "8", "--threads", "1")


def test_a_taught_policy_beside_its_base(hitl: Hitl, told: Told) -> None:
    told("simulate", "--lang", "zh", *SMALL, "--labels", "48", "--run", "s")
    found = told("compare", "s", "--n", "30")
    assert (found["n"], found["version"], len(found["samples"])) == (32, 6, 32)
    assert 0.05 < found["sequence_kl"] < 20
    different = [s for s in found["samples"] if s["before"] != s["after"]]
    assert 8 < len(different) <= 32
    assert found["reward_after"] > found["reward_before"]
    # The same numbers again, and as Markdown.
    again = hitl("compare", "s", "--n", "30", "--show", "2").stdout
    assert f"| reward, mean | {found['reward_before']:.2f} | {found['reward_after']:.2f} |" in again
    assert again.count("\n|") == 1 + 5 + 2 + 2


def test_a_run_without_an_update_is_its_base(told: Told) -> None:
    told("simulate", "--lang", "en", *SMALL, "--labels", "4", "--samples", "4", "--run", "a")
    found = told("compare", "a", "--n", "4")
    assert found["version"] == 0 and abs(found["sequence_kl"]) < 1e-4
    assert all(s["before"] == s["after"] for s in found["samples"])


def test_what_cannot_be_compared_is_one_line(hitl: Hitl, tmp_path: Path) -> None:
    assert hitl("train", "--plain", "--lang", "en", *SMALL, "--run", "a").returncode == 0
    for arguments, message in (
        (("b",), "there is no run b"),
        (("a", "--n", "0"), "--n 0 is too small"),
        (("a", "--reward", "no-such-thing"), "no-such-thing"),
    ):
        code, _, said = inside(tmp_path, "compare", *arguments)
        assert code in (1, 2)
        assert message in said and len(said.strip().splitlines()) == 1

"""The guard over the ratios of benchmarks/speed.py."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
if not BENCHMARKS.is_dir():
    pytest.skip("benchmarks are in a checkout only", allow_module_level=True)
sys.path.insert(0, str(BENCHMARKS))

from speed import ratios, violations  # noqa: E402

KNOWN = {"update, × classic": 3.0, "peak memory of an update / classic": 0.8}


def taken(classic: float, ours: float) -> dict[str, dict[str, float]]:
    return {
        f"{side} / {piece}": {"wall": seconds, "processor": seconds, "peak_mb": 100 * seconds}
        for side, seconds in (("classic", classic), ("hitl x", ours), ("generate fp32", classic))
        for piece in ("sample", "update")
    }


def test_ratios_are_medians_over_rounds_of_what_stood_side_by_side() -> None:
    """A round on a busy machine is slow on both sides."""
    found = ratios([taken(6.0, 2.0), taken(60.0, 20.0), taken(8.0, 2.0)], "wall")
    assert found["hitl x: update, × classic"] == 3.0
    assert found["hitl x: iteration, × classic"] == 3.0
    assert found["hitl x: sampling, × generate fp32"] == 3.0
    assert found["hitl x: peak memory of an update / classic"] == pytest.approx(1 / 3)


def test_an_older_checkout_is_compared_with_where_there_is_one() -> None:
    """And what was not measured has no ratio."""
    found = ratios([taken(6.0, 2.0)], "processor")
    assert not any("before" in name or "by group" in name for name in found)
    before = {f"before: {key}": value for key, value in taken(1.0, 5.0).items() if "hitl" in key}
    found = ratios([taken(6.0, 2.0) | before], "processor")
    assert found["hitl x: update, × before"] == 2.5
    assert found["hitl x: peak memory of an update / before"] == 0.4
    assert found["before: hitl x: update, × classic"] == pytest.approx(1.2)


def test_what_is_better_or_nearly_as_good_passes() -> None:
    assert violations(dict(KNOWN), KNOWN, 0.3) == []
    better = {"update, × classic": 9.0, "peak memory of an update / classic": 0.1, "new": 1.0}
    assert violations(better, KNOWN, 0.3) == []
    nearly = {"update, × classic": 2.2, "peak memory of an update / classic": 1.0}
    assert violations(nearly, KNOWN, 0.3) == []


@pytest.mark.parametrize("name", KNOWN)
def test_what_is_worse_or_missing_is_named(name: str) -> None:
    worse = {**KNOWN, name: 2.0 if "update, " in name else 1.1}
    for found in (worse, {k: v for k, v in KNOWN.items() if k != name}):
        [line] = violations(found, KNOWN, 0.3)
        assert line.startswith(name)

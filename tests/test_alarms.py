"""Alarms, by the figures that raise them and those that do not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hitl.alarms import Written, alarms, written
from hitl.records import UpdateStats

GOOD = UpdateStats(1, 16, 3.0, 1.0, 2.0, 0.05, -0.1, 0.3, 3.0, 0.05, 0.01, 0.5, 4, 1.0)


def run(count: int, **changed: float) -> list[UpdateStats]:
    return [
        replace(GOOD, number=n + 1, reward=3.0 + 0.2 * n, **changed)  # type: ignore[arg-type]
        for n in range(count)
    ]


def names(updates: list[UpdateStats], *both: Written) -> list[str]:
    found = alarms(updates, 6.0, 3e-4, *both)
    assert all(alarm.what and alarm.do for alarm in found)
    return [alarm.name for alarm in found]


def test_a_good_run_has_none() -> None:
    assert names(run(20)) == [] and names([]) == [] and names(run(1)) == []


@pytest.mark.parametrize(("kl", "expected"), [(8.9, []), (9.1, ["KL over target"])])
def test_kl_over_target_wants_a_lower_lr(kl: float, expected: list[str]) -> None:
    updates = [*run(3), replace(GOOD, number=4, sequence_kl=kl)]
    assert names(updates) == expected
    if expected:
        assert "1.5e-04" in alarms(updates, 6.0, 3e-4)[0].do


def test_equal_marks_in_two_batches_of_three() -> None:
    level = replace(GOOD, reward_std=0.0)
    assert names([GOOD, GOOD, level]) == []
    assert names([level, GOOD, level]) == ["no variance"]
    assert names([level]) == ["no variance"]
    assert names([replace(level, labels=0)] * 3) == []


def test_collapse_of_length_and_of_diversity() -> None:
    first = Written(64, 20.0, 0.58)
    assert names(run(3), first, Written(64, 12.5, 0.40)) == []
    assert names(run(3), first, Written(64, 6.0, 0.50)) == ["length collapse"]
    assert names(run(3), first, Written(64, 20.0, 0.13)) == ["diversity collapse"]


def test_entropy_clipping_and_value_loss() -> None:
    assert names([*run(4), *run(3, entropy=1.7)]) == ["entropy falling"]
    assert names([*run(4), *run(3, entropy=1.9)]) == []
    assert names(run(3, clip_fraction=0.65)) == ["steps too long"]
    assert names(run(3, clip_fraction=0.5)) == [] == names(run(2, clip_fraction=0.65))
    assert names([*run(3), replace(GOOD, epochs=0)]) == ["steps too long"]
    assert names([*run(4), *run(3, value_loss=1.3)]) == ["value loss rising"]


def test_reward_flat_for_eight_updates() -> None:
    rising = run(8)
    flat = [replace(GOOD, number=n, reward=4.0) for n in range(9, 17)]
    assert names([*rising, *flat[:7]]) == []
    assert names([*run(8, **{}), *flat]) == []  # .3 above the eight before: a gain
    level = [replace(GOOD, number=n, reward=3.0) for n in range(1, 17)]
    assert names(level) == ["reward flat"]
    ranked = [replace(GOOD, number=n, reward=0.0) for n in range(1, 17)]
    assert names(ranked) == [], "a ranking's mean says nothing"


def test_nan_raises_no_error() -> None:
    names(run(20, sequence_kl=float("nan"), entropy=float("nan"), value_loss=float("nan")))


def test_written_compares_equal_amounts() -> None:
    text = [[1, 2, 3, 4]] * 40
    assert written(text, 10) is None and written(text[:15], 40) is None
    assert written(text, 20) == Written(20, 4.0, 3 / 60)
    assert written([[n, n + 1, n + 2] for n in range(0, 300, 3)], 64) == Written(64, 3.0, 1.0)

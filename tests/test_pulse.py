from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hitl.pulse import Pulse


@given(st.lists(st.floats(0, 5), min_size=1, max_size=50))
def test_never_twice_within_the_time_and_never_late(steps: list[float]) -> None:
    now = 0.0
    pulse = Pulse(1.0, lambda: now)
    beats = []
    for step in steps:
        now += step
        if pulse.due():
            beats.append(now)
        assert now - beats[-1] < 1.0, "whoever asks often enough is told often enough"
    assert all(later - earlier >= 1.0 for earlier, later in pairwise(beats))

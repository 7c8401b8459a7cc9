import pytest

from hitl.metrics import distinct_n, mean


def test_distinct_n_counts_over_all_sequences() -> None:
    assert distinct_n([(1, 2, 3), (1, 2, 4)]) == pytest.approx(3 / 4)
    assert distinct_n([(1, 1, 1, 1)]) == pytest.approx(1 / 3)
    assert distinct_n([(1,), ()]) == 0.0
    assert distinct_n([(1, 2)], n=1) == 1.0


def test_mean_of_nothing_is_zero() -> None:
    assert mean([]) == 0.0
    assert mean([1.0, 2.0]) == 1.5

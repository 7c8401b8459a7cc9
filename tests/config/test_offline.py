"""Options of the trainings on files that are refused before anything is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from hitl.config.offline import Tuning
from hitl.errors import UsageError


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_a_library_does_not_take_is_refused(seed: int) -> None:
    with pytest.raises(UsageError, match=f"^--seed {seed}: give 0 to 4294967295$"):
        Tuning("a", Path("b"), seed=seed)
    assert Tuning("a", Path("b"), seed=2**32 - 1).seed == 2**32 - 1

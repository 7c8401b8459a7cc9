"""What holds for all tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from .stints import Stint

# By default hypothesis fails an example that takes 200 ms: on a busy machine any does.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture
def stint(tmp_path: Path) -> Iterator[Stint]:
    """One run folder, whose journal is closed at the end."""
    made = Stint(tmp_path)
    yield made
    made.journal.close()

"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

# By default hypothesis fails an example that takes 200 ms: on a busy machine any does.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

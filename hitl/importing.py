"""Imports without the garbage collector.

What a module brings stays. Python looks through all of it for garbage again each time that it has
grown by a quarter, which is a sixth of the time torch and transformers take to import.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Around what imports much: no garbage is looked for inside, in any thread."""
    looks = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if looks:
            gc.enable()

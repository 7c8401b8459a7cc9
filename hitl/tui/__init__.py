"""The terminal interface. Textual lives here and nowhere else; torch never does."""

from __future__ import annotations

import os

# Some terminals lose text that an input method composes when Textual turns the Kitty key protocol
# on. Textual reads this when it is imported, so it stands before every import of it.
os.environ.setdefault("TEXTUAL_DISABLE_KITTY_KEY", "1")

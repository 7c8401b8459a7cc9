"""What numbers of the command line must be, said with the name of their option."""

from __future__ import annotations

from hitl.errors import UsageError


def at_least(option: str, value: int, low: int) -> None:
    """Raises UsageError for a value below `low`."""
    if value < low:
        raise UsageError(f"{option} {value} is too small: at least {low}")


def learning_rate(option: str, value: float | None) -> None:
    """Raises UsageError for what cannot be a learning rate; None is not given."""
    if value is not None and not 0 < value < 1:
        raise UsageError(f"{option} {value:g} must lie between 0 and 1")

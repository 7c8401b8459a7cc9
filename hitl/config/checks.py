"""What numbers of the command line must be, said with the name of their option."""

from __future__ import annotations

from hitl.errors import UsageError

MAX_SEED = 2**32 - 1
"""The largest that every library takes."""


def at_least(option: str, value: int, low: int) -> None:
    """Raises UsageError for a value below `low`."""
    if value < low:
        raise UsageError(f"{option} {value} is too small: at least {low}")


def learning_rate(option: str, value: float | None) -> None:
    """Raises UsageError for what cannot be a learning rate; None is not given."""
    if value is not None and not 0 < value < 1:
        raise UsageError(f"{option} {value:g} must lie between 0 and 1")


def within(
    options: object, name: str, low: float, high: float | None = None, limit: str = ""
) -> None:
    """Raises UsageError when the field `name` of a command's options is not from `low` to `high`,
    which may be what another option, `limit`, says."""
    value = getattr(options, name)
    if not value >= low or (high is not None and not value <= high):
        most = "or more" if high is None else f"to {_told(high)}" + f" ({limit})" * bool(limit)
        raise UsageError(f"{_option(name)} {_told(value)}: give {low:g} {most}")


def above_zero(options: object, name: str) -> None:
    """Raises UsageError when the field `name` is not above 0."""
    value = getattr(options, name)
    if not value > 0:
        raise UsageError(f"{_option(name)} {value:g}: give a number above 0")


def share(options: object, name: str) -> None:
    """Raises UsageError when the field `name` is not from 0 up to, and not with, 1."""
    value = getattr(options, name)
    if not 0 <= value < 1:
        raise UsageError(f"{_option(name)} {value:g}: give 0 or more, below 1")


def one_of(options: object, name: str, *choices: str) -> None:
    """Raises UsageError when the field `name` is none of these: the command line knows them, a
    caller from Python may not."""
    value = getattr(options, name)
    if value not in choices:
        raise UsageError(f"{_option(name)} {value!r}: choose {' or '.join(choices)}")


def _told(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"


def _option(field: str) -> str:
    return f"--{field.replace('_', '-')}"

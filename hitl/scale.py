"""The scale an operator scores on: 1-5, 0-10, -1..1, LOW..HIGH."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from hitl.errors import UsageError

_NUMBER = r"[-+]?\d+(?:\.\d+)?"
_PATTERN = re.compile(rf"^\s*({_NUMBER})\s*(?:\.\.|-|–|—)\s*({_NUMBER})\s*$")


@dataclass(frozen=True, slots=True)
class Scale:
    """Scores from `low` to `high`, both included."""

    low: float
    high: float

    @classmethod
    def parse(cls, text: str, option: str = "--scale") -> Scale:
        """`1-5`, `0-10`, `-1..1`; raises UsageError that names the `option` for anything else."""
        match = _PATTERN.match(text)
        if match is None:
            raise UsageError(
                f"{option} {text!r} is no scale: write LOW..HIGH, such as 1-5 or -2..2"
            )
        low, high = (float(part) for part in match.groups())
        if not low < high:
            raise UsageError(f"{option} {text}: the low end must be below the high end")
        return cls(low, high)

    @property
    def middle(self) -> float:
        """The score that is neither good nor bad."""
        return (self.low + self.high) / 2

    @property
    def spread(self) -> float:
        """A quarter of the range: the standard deviation expected before any score is seen."""
        return (self.high - self.low) / 4

    @property
    def digits(self) -> str:
        """The digits that are scores of one key, such as "12345"; a scale to 10 has "0123456789",
        and 10 is typed as text."""
        return "".join(str(d) for d in range(10) if self.low <= d <= self.high)

    def check(self, value: float) -> float:
        """`value` itself, or ValueError with the range."""
        if not math.isfinite(value) or not self.low <= value <= self.high:
            raise ValueError(f"{value:g} is not on the scale {self}")
        return value

    def __str__(self) -> str:
        if self.low >= 0:
            return f"{self.low:g}-{self.high:g}"
        return f"{self.low:g}..{self.high:g}"

"""Bounds: which numbers a setting may have, in one place for checks and in the words of every message."""

from __future__ import annotations

import dataclasses
import math


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bounds:
    """Finite numbers between two ends, which belong to them unless `open`. As text: what is allowed, in words."""

    low: float
    high: float = math.inf
    open: bool = False
    whole: bool = False

    def __str__(self) -> str:
        noun = "a whole number" if self.whole else "a number"
        low, high = f"{self.low:.12g}", f"{self.high:.12g}"
        if math.isinf(self.high):
            return f"{noun} above {low}" if self.open else f"{noun} of at least {low}"
        return f"{noun} between {low} and {high}" if self.open else f"{noun} from {low} to {high}"

    def hold(self, value: float) -> bool:
        """Whether the value is one of these numbers."""
        if not math.isfinite(value) or (self.whole and value != int(value)):
            return False
        return self.low < value < self.high if self.open else self.low <= value <= self.high

    def check(self, name: str, value: float) -> None:
        """Raise ValueError, which names the setting, for a value that is not allowed."""
        if not self.hold(value):
            raise ValueError(f"{name} must be {self}, got {value!r}")


POSITIVE = Bounds(low=0, open=True)
NOT_NEGATIVE = Bounds(low=0)
SHARE = Bounds(low=0, high=1)
COUNT = Bounds(low=1, whole=True)
COUNT_OR_NONE = Bounds(low=0, whole=True)
INPUT_LENGTH = Bounds(low=8, high=512, whole=True)
"""Sub-words of an input, special tokens included; encoders have 512 positions."""

"""Bounds: which numbers a setting may have, in one place for checks and in the words of every message."""

from __future__ import annotations

import dataclasses
import math
import re

_NUMBER = re.compile(r"[-+]?(?P<whole>0|[1-9][0-9]*)?(?P<fraction>\.[0-9]*)?(?P<exponent>[eE][-+]?[0-9]+)?")
_MOST_DIGITS = 300
"""Of a whole number: more do not fit into a float."""


def number_in(text: str) -> float:
    """A decimal number as people write it, an int if it is written as one; raises ValueError for any other text.

    Only ASCII digits, and no leading zeros, underscores, colons or prefixes: what they mean differs between readers.
    """
    found = _NUMBER.fullmatch(text)
    if not found or not any(char in "0123456789" for char in (found["whole"] or "") + (found["fraction"] or "")):
        raise ValueError(f"no number: {text[:60]!r}")
    if found["fraction"] is None and found["exponent"] is None and len(text) <= _MOST_DIGITS:
        return int(text)
    return float(text)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bounds:
    """Finite numbers between two ends. As text: what is allowed, in words.

    Attributes:
        low: the least; with `open` or `above` it is no longer one of them.
        high: the most; with `open` it is no longer one of them.
        open: both ends are left out.
        above: the lower end is left out.
        whole: whole numbers only.
        limit: the most where no end means anything: far above what makes sense, far below what breaks arithmetic. Said
            only of numbers beyond it.
    """

    low: float
    high: float = math.inf
    open: bool = False
    above: bool = False
    whole: bool = False
    limit: float = math.inf

    def __str__(self) -> str:
        noun = "a whole number" if self.whole else "a number"
        low, high = f"{self.low:.12g}", f"{self.high:.12g}"
        if math.isinf(self.high):
            return f"{noun} above {low}" if self.open or self.above else f"{noun} of at least {low}"
        if self.above:
            return f"{noun} above {low} and at most {high}"
        return f"{noun} between {low} and {high}" if self.open else f"{noun} from {low} to {high}"

    def allowed(self, value: float) -> str:
        """What is allowed, in words for someone who gave this value."""
        return f"{self}, at most {self.limit:.13g}" if self.limit < value < math.inf else str(self)

    def hold(self, value: float) -> bool:
        """Whether the value is one of these numbers."""
        try:
            if not math.isfinite(value) or (self.whole and value != int(value)):
                return False
        except OverflowError:  # a whole number that no float can be
            return False
        if self.open:
            return self.low < value < self.high
        return (self.low < value if self.above else self.low <= value) and value <= min(self.high, self.limit)

    def check(self, name: str, value: float) -> None:
        """Raise ValueError, which names the setting, for a value that is not allowed."""
        if not self.hold(value):
            raise ValueError(f"{name} must be {self.allowed(value)}, got {_short(value)}")

    def read(self, text: str) -> float:
        """The number that a text says; raises ValueError with what is allowed."""
        try:
            value = number_in(text)
        except ValueError:
            raise ValueError(f"allowed: {self}") from None
        if not self.hold(value):
            raise ValueError(f"allowed: {self.allowed(value)}")
        return int(value) if self.whole else value


def _short(value: object) -> str:
    """The value for a message; Python refuses to write out whole numbers of more than 4,300 digits."""
    is_long = isinstance(value, int) and value.bit_length() > 1024
    return "a whole number beyond 1e308" if is_long else repr(value)


MOST = 10**12
"""More rows, steps or sub-words than any data set has."""
POSITIVE = Bounds(low=0, above=True, limit=1e9)
SILENCE = Bounds(low=1, limit=1e9)
"""Seconds without a word; below a second everybody is silent."""
NOT_NEGATIVE = Bounds(low=0, limit=1e9)
SHARE = Bounds(low=0, high=1)
COUNT = Bounds(low=1, whole=True, limit=MOST)
COUNT_OR_NONE = Bounds(low=0, whole=True, limit=MOST)
INPUT_LENGTH = Bounds(low=8, high=8192, whole=True)
"""Sub-words of an input, special tokens included. Encoders have 512 positions or up to 8,192; a plan looks."""
SEED = Bounds(low=0, high=2**31 - 1, whole=True)
TRIALS = Bounds(low=0, whole=True, limit=10_000)
"""Of one run in a search; 0 is none."""
HOURS = Bounds(low=0, above=True, limit=1e6)
SLOTS = Bounds(low=0, whole=True, limit=10_000)
"""Cores, threads and runs at the same time; 0 is no limit."""
GPUS = Bounds(low=1, high=100_000, whole=True)
"""Of a cluster."""
NODES = Bounds(low=1, high=10_000, whole=True)
"""Of a cluster."""
DRAWS = Bounds(low=1, high=10_000, whole=True)
"""Times that a sweep is run on paper."""
FACTOR = Bounds(low=1, high=100)
"""By which estimates are wrong."""
COLUMNS = Bounds(low=20, high=1000, whole=True)
"""Of a terminal or a log file."""
POINTS = Bounds(low=0, high=100)
"""Of a difference between two scores in percent."""

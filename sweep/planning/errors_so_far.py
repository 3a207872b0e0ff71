"""Error so far: how far estimates of runs that have ended were off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

_TENTH = 0.1


@dataclass(frozen=True, kw_only=True)
class ErrorSoFar:
    """Of so many runs.

    Attributes:
        runs: how many.
        ratio: median of measured / estimated.
        low: the ratio that one run in ten is below.
        high: the ratio that one run in ten is above.
        whole: measured seconds of all together / estimated ones.
        covered: part of the runs that lay within their interval; None where they had none.
    """

    runs: int
    ratio: float
    low: float
    high: float
    whole: float
    covered: float | None

    @classmethod
    def of(cls, runs: Sequence[tuple[float, float, float, float]]) -> ErrorSoFar:
        """From (measured, estimated, low, high) of each run, seconds; raises ValueError for none.

        An interval that ends at 0 is none.
        """
        if not runs:
            raise ValueError("no run has ended, so no estimate was off")
        ratios = sorted(measured / estimated for measured, estimated, _, _ in runs)
        within = [low <= measured <= high for measured, _, low, high in runs if high]
        return cls(
            runs=len(runs),
            ratio=median(ratios),
            low=_quantile(ratios, _TENTH),
            high=_quantile(ratios, 1 - _TENTH),
            whole=sum(run[0] for run in runs) / sum(run[1] for run in runs),
            covered=sum(within) / len(within) if within else None,
        )

    def __str__(self) -> str:
        """For example `12 runs took 1.08 times their estimates in the median (8 of 10: 0.86 to 1.43)`."""
        some = "1 run" if self.runs == 1 else f"{self.runs} runs"
        spread = f" (8 of 10: {self.low:.2f} to {self.high:.2f})" if self.runs > 1 else ""
        return f"{some} took {self.ratio:.2f} times the estimate in the median{spread}"


def _quantile(values: Sequence[float], part: float) -> float:
    """Of sorted values, linear between them."""
    place = part * (len(values) - 1)
    below = int(place)
    above = min(below + 1, len(values) - 1)
    return values[below] + (place - below) * (values[above] - values[below])

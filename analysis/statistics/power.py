"""Power: which difference would have been found, and with how many seeds."""

from __future__ import annotations

import math

from analysis.statistics.estimate import LEVEL, POWER, Estimate


def detectable(found: Estimate) -> float:
    """Smallest difference in points that this comparison alone finds at LEVEL with a chance of POWER."""
    return _quantiles(found.freedom) * found.error


def seeds_needed(found: Estimate) -> int | None:
    """Seeds on both sides from which a difference as large as this one is found at LEVEL with a chance of POWER.

    Never fewer than there are. What the rows leave open counts as it is now, although more seeds lessen it a little.
    None where the variance between seeds is unknown, or where the rows alone leave too much open.
    """
    if not found.over_seeds:
        return None
    allowed = (found.value / _quantiles(found.freedom)) ** 2 - found.row_variance
    if allowed <= 0:
        return None
    return max(math.ceil(2.0 * found.seed_variance / allowed - 1e-9), found.seeds, 1)


def _quantiles(freedom: float) -> float:
    from scipy.special import stdtrit  # late: what only reads the types does without scipy

    return float(stdtrit(freedom, 1.0 - LEVEL / 2) + stdtrit(freedom, POWER))

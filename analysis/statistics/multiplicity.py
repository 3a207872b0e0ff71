"""Multiplicity: p-values of single comparisons, and Holm's adjustment over many."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.statistics.estimate import LEVEL, Estimate


def outside(found: Estimate, margin: float) -> float:
    """Of the hypothesis that the true difference is `margin` points or more, either way (two one-sided tests)."""
    from scipy.special import stdtr  # late: what only reads the types does without scipy

    return float(stdtr(found.freedom, (abs(found.value) - margin) / found.error))


def holm(p: Sequence[float]) -> list[float]:
    """Adjusted p-values in the same order (Holm 1979)."""
    if not p:
        return []
    from statsmodels.stats.multitest import multipletests  # late: it brings pandas, and takes a second

    return [float(each) for each in multipletests(p, alpha=LEVEL, method="holm")[1]]

"""Multiplicity: p-values of single comparisons, and Holm's adjustment over many."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis.statistics.estimate import Estimate


def one_sided(found: Estimate, beyond: float = 0.0) -> float:
    """Of the hypothesis that the true difference is at most `beyond` points."""
    from scipy.special import stdtr  # late: what only reads the types does without scipy

    return float(stdtr(found.freedom, (beyond - found.value) / found.error))


def outside(found: Estimate, margin: float) -> float:
    """Of the hypothesis that the true difference is `margin` points or more, either way (two one-sided tests)."""
    from scipy.special import stdtr  # late: as above

    return float(stdtr(found.freedom, (abs(found.value) - margin) / found.error))


def holm(p: Sequence[float]) -> list[float]:
    """Adjusted p-values in the same order (Holm 1979).

    Those of `statsmodels.stats.multitest.multipletests(p, method="holm")`, which collects the garbage of the whole
    process at every call: up to seconds for a table with its separations.
    """
    given = np.asarray(p, dtype=np.float64)
    order = np.argsort(given, kind="stable")
    stepped = np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1))
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted.tolist()

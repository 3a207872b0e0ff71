"""The difference of one cell between two stores, as an estimate; the one place that knows how it is computed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import t as student

from analysis.statistics.estimate import LEVEL, Estimate
from analysis.statistics.racing import standing
from analysis.statistics.rows import Rows, points_of

A, B = "A", "B"


def between_runs(columns: Sequence[tuple[Sequence[Rows], Sequence[Rows]]]) -> tuple[float, float]:
    """Variance between runs that differ by the seed, of one run (points squared), and its degrees of freedom.

    Pooled over the cells of a column, both sides; NaN and 0 where no side has two runs. Raises RowsError for runs that
    were measured on different rows.
    """
    squares, freedom = 0.0, 0.0
    for runs in (side for cell in columns for side in cell if len(side) > 1):
        found = standing(points_of({A: runs}))
        squares += float(found.seed_variance[0]) * (len(runs) - 1)
        freedom += len(runs) - 1
    return (max(squares / freedom, 0.0), freedom) if freedom else (math.nan, 0.0)


def check_same_rows(a: Sequence[Rows], b: Sequence[Rows]) -> None:
    """Raise RowsError unless all runs were measured on the same rows."""
    points_of({A: a, B: b})


def difference(a: Sequence[Rows], b: Sequence[Rows], *, between: float, freedom: float) -> Estimate:
    """B less A, paired over rows; `between` and `freedom` are those of `between_runs`.

    Raises RowsError for runs that were measured on different rows.
    """
    points = points_of({A: a, B: b})
    changes = points[B].mean(axis=0) - points[A].mean(axis=0)
    value, items = float(changes.mean()), len(changes)
    of_rows = float(changes.var(ddof=1)) / items if items > 1 else math.nan
    over_seeds = math.isfinite(between) and freedom > 0
    of_runs = between * (1 / len(a) + 1 / len(b)) if over_seeds else 0.0
    variance = of_rows + of_runs
    spread = of_rows**2 / max(items - 1, 1) + (of_runs**2 / freedom if over_seeds else 0.0)
    df = variance**2 / spread if spread > 0 else float(max(items - 1, 1))
    error = math.sqrt(variance)
    half = float(student.ppf(1 - LEVEL / 2, df)) * error
    p = 2 * float(student.sf(abs(value) / error, df)) if error > 0 else float(value == 0)
    return Estimate(
        value=value,
        low=value - half,
        high=value + half,
        error=error,
        freedom=df,
        p=p,
        rows=int(np.max([len(rows.keys) for rows in (*a, *b)])),
        items=items,
        seeds=min(len(a), len(b)),
        over_seeds=over_seeds,
        row_variance=of_rows,
        seed_variance=between,
    )

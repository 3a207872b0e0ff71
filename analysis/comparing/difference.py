"""The difference of two sides over rows and seeds, and the words on a family of differences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import t as student
from statsmodels.stats.multitest import multipletests

from analysis.statistics.estimate import LEVEL, POWER, Estimate, NoVerdict, Verdict, Word
from analysis.statistics.racing import standing
from analysis.statistics.rows import Rows, points_of

A, B = "A", "B"


@dataclass(frozen=True, kw_only=True)
class Between:
    """Variance between runs that differ by the seed alone, of one run (points squared), and its degrees of freedom."""

    variance: float
    freedom: float


def between(sides: Sequence[Sequence[Rows]]) -> Between | None:
    """Variance between the runs of a side, pooled over the sides; None where no side has two runs.

    Raises RowsError for runs that were measured on different rows.
    """
    points_of({str(place): side for place, side in enumerate(sides)})
    squares, freedom = 0.0, 0
    for runs in (side for side in sides if len(side) > 1):
        found = standing(points_of({A: runs}))
        squares += float(found.seed_variance[0]) * (len(runs) - 1)
        freedom += len(runs) - 1
    return Between(variance=max(squares / freedom, 0.0), freedom=freedom) if freedom else None


def difference(a: Sequence[Rows], b: Sequence[Rows], *, between: Between | None) -> Estimate:
    """Score of `a` less that of `b` in points, paired by row; without `between` the interval is over rows alone.

    Raises RowsError for runs that were measured on different rows.
    """
    points = points_of({A: a, B: b})
    changes = points[A].mean(axis=0) - points[B].mean(axis=0)
    value, items = float(changes.mean()), len(changes)
    of_rows = float(changes.var(ddof=1)) / items if items > 1 else math.nan
    of_runs = between.variance * (1 / len(a) + 1 / len(b)) if between else 0.0
    variance = of_rows + of_runs
    spread = of_rows**2 / max(items - 1, 1) + (of_runs**2 / between.freedom if between else 0.0)
    freedom = variance**2 / spread if spread > 0 else float(max(items - 1, 1))
    error = math.sqrt(variance)
    half = float(student.ppf(1 - LEVEL / 2, freedom)) * error
    return Estimate(
        value=value,
        low=value - half,
        high=value + half,
        error=error,
        freedom=freedom,
        p=2 * float(student.sf(abs(value) / error, freedom)) if error > 0 else float(value == 0),
        rows=max(len(rows.keys) for rows in (*a, *b)),
        items=items,
        seeds=min(len(a), len(b)),
        over_seeds=between is not None,
        row_variance=of_rows,
        seed_variance=between.variance if between else math.nan,
    )


def judged(compared: Sequence[Estimate | NoVerdict], margin: float) -> list[Verdict | NoVerdict]:
    """The words of one family of comparisons, in the same order: Holm over all, equivalence by two one-sided tests.

    A difference that is shown is better or worse even within the margin.
    """
    known = [each for each in compared if isinstance(each, Estimate)]
    differ, equivalent = (
        iter(multipletests(p, alpha=LEVEL, method="holm")[1] if p else ())
        for p in ([each.p for each in known], [_outside(each, margin) for each in known])
    )
    return [
        _verdict(each, float(next(differ)), float(next(equivalent))) if isinstance(each, Estimate) else each
        for each in compared
    ]


def _verdict(found: Estimate, p: float, p_equivalent: float) -> Verdict:
    word = Word.EQUIVALENT if p_equivalent <= LEVEL else Word.OPEN
    if p <= LEVEL:
        word = Word.BETTER if found.value > 0 else Word.WORSE
    detectable = found.error * float(student.ppf(1 - LEVEL / 2, found.freedom) + student.ppf(POWER, found.freedom))
    return Verdict(word=word, estimate=found, p=p, p_equivalent=p_equivalent, detectable=detectable, seeds_needed=None)


def _outside(found: Estimate, margin: float) -> float:
    """Of the hypothesis that the true difference is `margin` points or more, either way."""
    if found.error == 0:
        return float(abs(found.value) >= margin)
    return float(student.cdf((abs(found.value) - margin) / found.error, found.freedom))

"""Intervals of scores and differences from the influences of items (docs/statistics.md has the formulas).

Two things are chance, as in racing: rows, and runs that differ by the seed. The interval is Student's t with the
variance of both and degrees of freedom by Satterthwaite.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.statistics.estimate import LEVEL, Estimate
from analysis.statistics.influence import Layout, Profile
from analysis.statistics.racing import Floats

_PSEUDO = 2
"""Items that are added to a difference, one for each side: Bonett and Price 2012, from Agresti and Min 2005."""

_NOTHING = 1e-9
"""Share of an item's weight up to which an influence is an error of rounding: items that do not differ."""


@dataclass(frozen=True, kw_only=True)
class Spread:
    """What rows leave open of a score or a difference.

    Attributes:
        square: variance over rows, points squared.
        fourth: sum of the fourth powers of the influences; says how few items make up the variance.
        rows: measured rows.
        items: independent ones among them.
        added: pseudo-items that `square` holds.
    """

    square: float
    fourth: float
    rows: int
    items: int
    added: int = 0

    @property
    def freedom(self) -> float:
        """Degrees of freedom of `square` (Satterthwaite, influences normal): few where few items make it up."""
        most = max(self.items + self.added - 1.0, 1.0)
        return min(3.0 * self.square**2 / self.fourth, most) if self.fourth else most


@dataclass(frozen=True, kw_only=True)
class Between:
    """Variance between runs that differ by the seed alone, pooled over rows of the table.

    Attributes:
        variance: beyond what the rows of a run explain, of one run, points squared; at least 0.
        of_means: between the scores of the runs, rows included; what `variance` was made from.
        freedom: degrees of freedom.
    """

    variance: float
    of_means: float
    freedom: float


def score_spread(of: Layout, influences: Floats) -> Spread:
    """Of a score; influences float[C] are the mean over its runs."""
    squares = influences**2
    return Spread(square=float(squares.sum()), fourth=float((squares**2).sum()), rows=len(of.items), items=of.num_items)


def difference_spread(of: Layout, influences: Floats) -> Spread:
    """Of a difference; influences float[C] are those of one side less those of the other.

    Where few items differ, their variance says little and Wald intervals are too narrow. So two items are added that
    differ, one for each side, by as much as items that differ do; one item that moves the score by all it can counts
    among these, so that no difference at all still leaves an interval. For right and wrong in one language this is the
    adjusted Wald interval of Bonett and Price (2012) for paired proportions, but for its centre. How many items differ
    is C / (kurtosis - 1), at most C: k for k differences that are equally large and few.
    """
    squares = np.where(np.abs(influences) > _NOTHING * of.item_weight, influences, 0.0) ** 2
    square, fourth = float(squares.sum()), float((squares**2).sum())
    typical = (square + of.item_weight**2) / (_num_differing(square, fourth, of.num_items) + 1.0)
    return Spread(
        square=square + _PSEUDO * typical, fourth=fourth + _PSEUDO * typical**2, rows=len(of.items),
        items=of.num_items, added=_PSEUDO,
    )  # fmt: skip


def _num_differing(square: float, fourth: float, num_items: int) -> float:
    """C / (kurtosis - 1) of C items, at most C; 0 where none differs."""
    excess = num_items * fourth / square**2 - 1.0 if square else float("inf")
    return min(num_items / excess, num_items) if excess > 0 else float(num_items)


def mean_spread(spreads: Sequence[Spread]) -> Spread:
    """Of the unweighted mean over targets whose items are distinct."""
    share = 1.0 / len(spreads)
    return Spread(
        square=share**2 * sum(each.square for each in spreads),
        fourth=share**4 * sum(each.fourth for each in spreads),
        rows=sum(each.rows for each in spreads),
        items=sum(each.items for each in spreads),
        added=sum(each.added for each in spreads),
    )


def between_runs(profiles: Iterable[Profile]) -> Between | None:
    """Variance between runs, pooled over rows of the table; None where none of them has two runs.

    From the variance of the scores of one row's runs goes what its items alone would give them: their disagreement from
    run to run.
    """
    freedom = of_means = of_items = 0.0
    for each in profiles:
        if each.num_runs > 1:
            freedom += each.num_runs - 1
            of_means += float(((each.scores - each.scores.mean()) ** 2).sum())
            of_items += float(((each.influences - each.influences.mean(axis=0)) ** 2).sum())
    if not freedom:
        return None
    return Between(variance=max(of_means - of_items, 0.0) / freedom, of_means=of_means / freedom, freedom=freedom)


def difference_estimate(value: float, rows: Spread, runs: tuple[int, int], between: Between | None) -> Estimate:
    """A difference in points; `runs` of each side. The interval ends at -100 and 100."""
    from scipy.special import stdtr, stdtrit  # late: what only reads the types does without scipy

    variance, freedom = _with_runs(rows, 1.0 / runs[0] + 1.0 / runs[1], between)
    error = float(np.sqrt(variance))
    half = float(stdtrit(freedom, 1.0 - LEVEL / 2)) * error
    return Estimate(
        value=value, low=max(value - half, -100.0), high=min(value + half, 100.0), error=error, freedom=freedom,
        p=float(2.0 * stdtr(freedom, -abs(value) / error)), rows=rows.rows, items=rows.items, seeds=min(runs),
        over_seeds=between is not None, row_variance=rows.square,
        seed_variance=between.variance if between else float("nan"),
    )  # fmt: skip


def score_interval(value: float, rows: Spread, runs: int, between: Between | None) -> Estimate:
    """A score in percent, with the interval of Wilson (1927) for as many rows as would give this variance.

    The effective number is value (100 - value) / variance (Franco et al. 2019, surveys by clusters); the number of
    items where the variance is 0, so that a score of 0 or 100 has an interval too.
    """
    from scipy.special import stdtrit  # late: as above

    variance, freedom = _with_runs(rows, 1.0 / runs, between)
    share = min(max(value / 100.0, 0.0), 1.0)
    binomial = share * (1.0 - share)
    effective = 1e4 * binomial / variance if binomial > 0 and variance > 0 else float(rows.items)
    squared = float(stdtrit(freedom, 1.0 - LEVEL / 2)) ** 2 / effective
    centre = (share + squared / 2) / (1.0 + squared)
    half = float(np.sqrt(squared * binomial + squared**2 / 4)) / (1.0 + squared)
    return Estimate(
        value=value, low=100.0 * max(centre - half, 0.0), high=100.0 * min(centre + half, 1.0),
        error=float(np.sqrt(variance)), freedom=freedom, p=1.0, rows=rows.rows, items=rows.items, seeds=runs,
        over_seeds=between is not None, row_variance=rows.square,
        seed_variance=between.variance if between else float("nan"),
    )  # fmt: skip


def _with_runs(rows: Spread, share: float, between: Between | None) -> tuple[float, float]:
    """Variance over rows and runs, and its degrees of freedom (Satterthwaite).

    The variance between runs is a difference of two; its own uncertainty is that of the first (`of_means`), also where
    it came out as 0.
    """
    if between is None:
        return rows.square, rows.freedom
    variance = rows.square + share * between.variance
    doubt = rows.square**2 / rows.freedom + (share * between.of_means) ** 2 / between.freedom
    return variance, max(variance**2 / doubt, 1.0) if doubt else rows.freedom

"""How far a number may be from the printed one by chance: rounding, and runs that differ by the seed."""

from __future__ import annotations

import math
from collections.abc import Iterable

from scipy.stats import norm

from analysis.published.numbers import AVERAGE, ROUNDING, Number
from analysis.statistics.estimate import LEVEL, Estimate, Verdict, Verdicts
from trainables.ledger.cells import Row
from trainables.ledger.race import Rule
from trainables.tasks.registry import task

ASSUMED_SD = Rule().seed_sd
"""Points between runs that differ by the seed alone, where nothing was measured: what a race assumes."""


def expected_spread(number: Number, row: Row | None, seeds: int, verdicts: Verdicts | None = None) -> float:
    """Half the width, in points, of the range that 95 % of such differences lie in if only chance is at work.

    The paper has one run a cell, of an unknown seed; ours is a mean over `seeds`. Both sides of a change count, unless
    the baseline of a task that does not train is one, which no seed changes. The variance between seeds is that which
    the sweep has measured for the target, else ASSUMED_SD squared; an average is taken to vary like a cell, for its
    targets start from one encoder. What the rows leave open is known for a change alone, and counts for both of us.
    ROUNDING is added: the paper prints one decimal.
    """
    trains = number.target == AVERAGE or task(number.target).trains
    of_row = 1 if trains or (row is not None and row.intermediate != "none") else 0
    of_baseline = int(number.is_change and trains)
    variance = (of_row + of_baseline) * _seed_variance(number, verdicts) * (1 + 1 / seeds)
    own = _estimate(number, row, verdicts)
    if own is not None and number.is_change:
        variance += 2 * own.row_variance
    return float(norm.ppf(1 - LEVEL / 2)) * math.sqrt(variance) + ROUNDING


def _estimate(number: Number, row: Row | None, verdicts: Verdicts | None) -> Estimate | None:
    if verdicts is None or row is None:
        return None
    found = verdicts.averages.get(row) if number.target == AVERAGE else verdicts.cells.get((row, number.target))
    return found.estimate if isinstance(found, Verdict) else None


def _seed_variance(number: Number, verdicts: Verdicts | None) -> float:
    """Points squared, of one run; pooled over a column, so any verdict of the column has it."""
    if verdicts is not None:
        column = (
            verdicts.averages.values()
            if number.target == AVERAGE
            else (found for (_, target), found in verdicts.cells.items() if target == number.target)
        )
        for variance in _measured(found.estimate for found in column if isinstance(found, Verdict)):
            return variance
    return ASSUMED_SD**2


def _measured(estimates: Iterable[Estimate]) -> Iterable[float]:
    return (each.seed_variance for each in estimates if math.isfinite(each.seed_variance))

"""Means of differences over targets, with the targets as strata and their items distinct.

Seeds are paired across targets: one run may measure several (XQuAD and MLQA), and all of a seed may start from one
intermediate run. So the variance between runs is that of the mean over the targets of one seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from analysis.scores.headings import heading
from analysis.statistics.column import Column
from analysis.statistics.estimate import Estimate, NoVerdict
from analysis.statistics.influence import Profile, joined
from analysis.statistics.interval import Between, between_runs, difference_estimate, mean_spread
from analysis.statistics.measured import Measured
from analysis.statistics.rows import RowsError
from trainables.ledger.cells import Row


def averages(measured: Measured, rows: Sequence[Row]) -> dict[Row, Estimate | NoVerdict]:
    """Overall dev average of each row less that of the baseline, or why it cannot be given."""
    baseline = measured.results.baseline
    if baseline is None:
        return dict.fromkeys(rows, NoVerdict(reason="the table has no baseline to compare with"))
    columns = {target: measured.column(target) for target in measured.results.averaged_targets}
    if not columns:
        return dict.fromkeys(rows, NoVerdict(reason="no target has data"))
    return mean_gains(columns, rows, baseline)


def mean_gains(columns: Mapping[str, Column], rows: Sequence[Row], baseline: Row) -> dict[Row, Estimate | NoVerdict]:
    """Mean over columns (by target, at least one) of each row less the baseline."""
    between = between_runs(_means(columns, [baseline, *rows]))
    return {row: _mean_gain(columns, row, baseline, between) for row in rows}


def _mean_gain(columns: Mapping[str, Column], row: Row, baseline: Row, between: Between | None) -> Estimate | NoVerdict:
    parts, seeds = [], []
    for target, column in columns.items():
        try:
            parts.append(column.spread(row, baseline))
            seeds.append(len(column.common(row, baseline)))
        except RowsError as error:
            return NoVerdict(reason=f"{heading(target)}: {error}")
    value = sum(difference for difference, _ in parts) / len(parts)
    return difference_estimate(value, mean_spread([rows for _, rows in parts]), (min(seeds), min(seeds)), between)


def _means(columns: Mapping[str, Column], rows: Sequence[Row]) -> Iterator[Profile]:
    """The runs of each row as means over all columns, for the seeds that it has in all of them."""
    for row in rows:
        if all(row in column.places for column in columns.values()):
            first, *others = columns.values()
            seeds = [seed for seed in first.places[row] if all(seed in column.places[row] for column in others)]
            if len(seeds) > 1:
                yield joined([column.profile(row, seeds) for column in columns.values()])

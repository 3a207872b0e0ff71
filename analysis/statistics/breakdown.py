"""Scores and gains by language and by group of languages, each with its interval, not adjusted for their number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from analysis.statistics.average import mean_gains
from analysis.statistics.estimate import Estimate
from analysis.statistics.measured import Measured
from analysis.statistics.rows import RowsError
from trainables.ledger.cells import Row


def language_scores(measured: Measured, target: str) -> Mapping[tuple[Row, str], Estimate]:
    """(row, language) -> score on the split that selects; rows that cannot be read are left out."""
    column = measured.column(target)
    found: dict[tuple[Row, str], Estimate] = {}
    for language in column.languages:
        part = column.of([language])
        for row in column.rows:
            with suppress(RowsError):
                found[row, language] = part.score(row)
    return found


def group_gains(
    measured: Measured, groups: Mapping[str, Sequence[str]], targets: Sequence[str]
) -> Mapping[tuple[Row, str], Estimate]:
    """(row, group) -> gain over the baseline in a group of languages.

    The mean over the targets that have a language of the group of the mean over these languages. Rows that lack one of
    these targets are left out, and so are targets of which no row of the table can be read; empty without a baseline.
    """
    baseline = measured.results.baseline
    if baseline is None:
        return {}
    others = [row for row in measured.results.variants if row != baseline]
    columns = {target: measured.column(target) for target in targets}
    found: dict[tuple[Row, str], Estimate] = {}
    for group, languages in groups.items():
        parts = {
            target: column.of(own)
            for target, column in columns.items()
            if (own := [language for language in column.languages if language in languages])
        }
        if parts:
            gains = mean_gains(parts, others, baseline)
            found |= {(row, group): gain for row, gain in gains.items() if isinstance(gain, Estimate)}
    return found

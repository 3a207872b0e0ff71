"""Gains over the baseline on the split that selects, as the pictures draw them: of a target, and of the average."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from analysis.scores.headings import heading
from analysis.selection.averages import Gap, TaskScore
from analysis.selection.results import Results
from analysis.statistics.estimate import Estimate, Verdict, Verdicts
from trainables.ledger.cells import Row

AVERAGE = ""
"""In the place of a target: the overall dev average."""


def columns(results: Results) -> tuple[str, ...]:
    """The targets, then AVERAGE."""
    return (*results.targets, AVERAGE)


def column_title(target: str) -> str:
    """Heading of a target, `Avg` for AVERAGE."""
    return heading(target) if target else "Avg"


def gain(results: Results, row: Row, target: str) -> float | Gap:
    """Points over the baseline, with the seeds that both have, as Table 2 prints it; a Gap where either side is one."""
    baseline = results.baseline
    if baseline is None:
        return Gap(reason="no baseline to compare with")
    own = score(results, row, target)
    other = (
        results.average_beside(baseline, row)
        if target == AVERAGE
        else _value(results.dev_beside(baseline, row, target))
    )
    if isinstance(own, Gap):
        return own
    if isinstance(other, Gap):
        return replace(other, reason=f"no baseline to compare with: {other.reason}")
    return own - other


def score(results: Results, row: Row, target: str) -> float | Gap:
    """Percent on the split that selects, mean of the metrics."""
    return results.dev_average(row) if target == AVERAGE else _value(results.dev(row, target))


def interval(verdicts: Verdicts | None, row: Row, target: str) -> Estimate | None:
    """The estimate behind a gain; None where there is no verdict."""
    found = verdict(verdicts, row, target)
    return found.estimate if found else None


def verdict(verdicts: Verdicts | None, row: Row, target: str) -> Verdict | None:
    """The verdict on a gain, if there is one."""
    if verdicts is None:
        return None
    found = verdicts.averages.get(row) if target == AVERAGE else verdicts.cells.get((row, target))
    return found if isinstance(found, Verdict) else None


def covered(estimates: Iterable[Estimate]) -> str:
    """What their intervals are over, for a caption."""
    if all(estimate.over_seeds for estimate in estimates):
        return "over rows and seeds"
    return "over rows alone: another seed may land elsewhere"


def _value(found: TaskScore | Gap) -> float | Gap:
    return found if isinstance(found, Gap) else found.value

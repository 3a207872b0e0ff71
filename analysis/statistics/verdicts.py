"""Verdicts: what can be said of every cell of a table against the baseline.

Family of Holm's adjustment: all cells and averages on the split that selects; the opened test scores are a second one.
The adjustment is made for each kind of word: a false `better` or `worse` somewhere has a chance of at most LEVEL, and
so has a false `equivalent`. A difference that is shown is better or worse, also where it is within the margin.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import TypeVar

from analysis.selection.averages import Gap, TaskScore
from analysis.selection.results import Results
from analysis.selection.selection import Selection
from analysis.statistics.average import averages
from analysis.statistics.column import Column
from analysis.statistics.estimate import LEVEL, MARGIN, Estimate, NoVerdict, Verdict, Verdicts, Word
from analysis.statistics.measured import Measured
from analysis.statistics.multiplicity import holm, outside
from analysis.statistics.power import detectable, seeds_needed
from analysis.statistics.rows import RowsError
from analysis.statistics.separation import separation
from trainables.ledger.cells import Row
from trainables.tasks.registry import task

NO_BASELINE = "the table has no baseline to compare with"

_Key = TypeVar("_Key", bound=Hashable)


def verdicts(measured: Measured, selections: Mapping[str, Selection], margin: float = MARGIN) -> Verdicts:
    """The verdicts of a table; reads the rows of all its runs, of test sets only those that are opened.

    `margin` is in points. Raises ValueError for a margin that is no number from 0 up.
    """
    if not (math.isfinite(margin) and margin >= 0):
        raise ValueError(f"the margin must be a number of points from 0 up, got {margin}")
    results = measured.results
    others = [row for row in results.variants if row != results.baseline]
    cells = {(row, target): _cell(measured, row, target) for row in others for target in results.targets}
    mean = averages(measured, others)
    family = judged([*cells.values(), *mean.values()], margin)
    tests = dict(_tests(measured, selections))
    found = {
        target: made
        for target in results.targets
        if target in selections and (made := separation(measured.column(target), selections[target]))
    }
    return Verdicts(
        cells=dict(zip(cells, family, strict=False)),
        averages=dict(zip(mean, family[len(cells) :], strict=True)),
        tests=dict(zip(tests, judged([*tests.values()], margin), strict=True)),
        separations=found,
        margin=margin,
        seeds=_most_seeds(results),
        family=sum(isinstance(each, Verdict) for each in family),
    )


def judged(compared: Sequence[Estimate | NoVerdict], margin: float) -> list[Verdict | NoVerdict]:
    """The words of one family of comparisons, in the same order."""
    known = [each for each in compared if isinstance(each, Estimate)]
    differ = iter(holm([each.p for each in known]))
    equivalent = iter(holm([outside(each, margin) for each in known]))
    return [_verdict(each, next(differ), next(equivalent)) if isinstance(each, Estimate) else each for each in compared]


def _verdict(found: Estimate, p: float, p_equivalent: float) -> Verdict:
    if p <= LEVEL:
        word = Word.BETTER if found.value > 0 else Word.WORSE
    else:
        word = Word.EQUIVALENT if p_equivalent <= LEVEL else Word.OPEN
    return Verdict(
        word=word, estimate=found, p=p, p_equivalent=p_equivalent, detectable=detectable(found),
        seeds_needed=seeds_needed(found),
    )  # fmt: skip


def _cell(measured: Measured, row: Row, target: str) -> Estimate | NoVerdict:
    if (baseline := measured.results.baseline) is None:
        return NoVerdict(reason=NO_BASELINE)
    return _difference(measured.column(target), row, baseline)


def _difference(column: Column, row: Row, baseline: Row) -> Estimate | NoVerdict:
    try:
        return column.difference(row, baseline)
    except RowsError as error:
        return NoVerdict(reason=str(error))


def _tests(measured: Measured, selections: Mapping[str, Selection]) -> Iterator[tuple[str, Estimate | NoVerdict]]:
    baseline = measured.results.baseline
    for target, selection in selections.items():
        if selection.on_evaluation_data or selection.variant is None or selection.variant == baseline:
            continue
        if baseline is None:
            yield target, NoVerdict(reason=NO_BASELINE)
        elif selection.is_open:
            yield target, _opened(measured, selection, selection.variant, baseline)


def _opened(measured: Measured, selection: Selection, selected: Row, baseline: Row) -> Estimate | NoVerdict:
    for score in (selection.test, selection.baseline_test):
        if isinstance(score, Gap):
            return NoVerdict(reason=score.reason)
    return _difference(measured.opened(selection), selected, baseline)


def _most_seeds(results: Results) -> int:
    """Of a cell, at most."""
    return max(
        (
            sum(isinstance(score, TaskScore) for score in results.seeds_of(row, target, split).values())
            for target in results.targets
            for split in [task(target).selection_split]
            for row in results.variants
        ),
        default=0,
    )

"""Verdicts that are made up from the scores of a sweep: two points either way are beyond chance."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.scores.headings import row_order
from analysis.selection.averages import TaskScore
from analysis.selection.results import Results
from analysis.selection.selection import Choice, Selection
from analysis.statistics.estimate import (
    Estimate,
    NoVerdict,
    Rival,
    Separation,
    Verdict,
    Verdicts,
    Word,
)
from trainables.ledger.cells import Row

HALF = 1.5
"""Points from the middle of every interval to its ends."""
NO_PREDICTIONS = "the predictions of run 0123456789ab on pawsx cannot be read"


def estimate(value: float, seeds: int = 3) -> Estimate:
    return Estimate(
        value=value, low=value - HALF, high=value + HALF, error=HALF / 1.96, freedom=40.0,
        p=0.001 if abs(value) >= 2 else 0.4,
        rows=2000, items=500, seeds=seeds, over_seeds=seeds > 1, row_variance=0.3,
        seed_variance=0.2 if seeds > 1 else float("nan"),
    )  # fmt: skip


def verdict(value: float, seeds: int = 3) -> Verdict:
    word = Word.OPEN
    if abs(value) >= 2:
        word = Word.BETTER if value > 0 else Word.WORSE
    elif abs(value) < 0.3:
        word = Word.EQUIVALENT
    return Verdict(
        word=word, estimate=estimate(value, seeds), p=0.0123 if abs(value) >= 2 else 1.0,
        p_equivalent=0.01 if word is Word.EQUIVALENT else 1.0, detectable=1.9,
        seeds_needed=None if seeds == 1 else 5,
    )  # fmt: skip


def made_verdicts(
    results: Results, selections: dict[str, Selection], without: Sequence[tuple[Row, str]] = ()
) -> Verdicts:
    """Of every cell that has a change, but for those `without`."""
    seeds, base = len(results.seeds), results.baseline
    others = [row for row in results.variants if row != base]
    cells: dict[tuple[Row, str], Verdict | NoVerdict] = {}
    for row in others:
        for target in results.targets:
            own, beside = results.dev(row, target), results.dev_beside(base, row, target) if base else None
            if (row, target) in without:
                cells[row, target] = NoVerdict(reason=NO_PREDICTIONS)
            elif isinstance(own, TaskScore) and isinstance(beside, TaskScore):
                cells[row, target] = verdict(own.value - beside.value, seeds)
            else:
                cells[row, target] = NoVerdict(reason="no score")
    averages: dict[Row, Verdict | NoVerdict] = {}
    for row in others:
        average, beside_it = results.dev_average(row), results.average_beside(base, row) if base else 0.0
        if isinstance(average, float) and isinstance(beside_it, float):
            averages[row] = verdict(average - beside_it, seeds)
        else:
            averages[row] = NoVerdict(reason="no average")
    tests = {
        target: verdict(selection.test.value - selection.baseline_test.value, seeds)
        for target, selection in selections.items()
        if not selection.on_evaluation_data and selection.variant != base
        if isinstance(selection.test, TaskScore) and isinstance(selection.baseline_test, TaskScore)
    }
    family = sum(isinstance(each, Verdict) for each in (*cells.values(), *averages.values()))
    return Verdicts(
        cells=cells, averages=averages, tests=tests, separations=_separations(selections), margin=0.5, seeds=seeds,
        family=family,
    )  # fmt: skip


def _separations(selections: dict[str, Selection]) -> dict[str, Separation]:
    found = {}
    for target, selection in selections.items():
        if isinstance(selection.choice, Choice):
            best = selection.choice.best
            behind = {each.variant: best.score - each.score for each in selection.choice.candidates if each is not best}
            near = sorted((row for row in behind if behind[row] < HALF), key=lambda row: (behind[row], row_order(row)))
            rivals = tuple(Rival(variant=row, behind=estimate(behind[row]), p=0.5) for row in near)
            found[target] = Separation(variant=best.variant, rivals=rivals, compared=len(behind))
    return found

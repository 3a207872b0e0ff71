"""Where a missing average of test scores is likely to lie, from dev scores.

What a missing score can be at all is 0 to 100 percent (`Gap.bounds`). A dev score of the same cell says more: the test
score lies about as far from it as in the cells of the sweep where both are open. That is an experience with those, not
a law, so such bounds are said to be likely, and stand beside the certain ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from analysis.selection.averages import ANYTHING, Bounds, TaskScore, mean
from analysis.selection.results import Results
from analysis.selection.selection import Choice, Selection
from trainables.tasks.task import Split


def likely_best(results: Results, selections: Mapping[str, Selection]) -> Bounds:
    """Of the test average of the selected models (percent).

    A target whose selection does not stand counts from its best dev score so far up: what will be selected is no worse
    on dev than any candidate.
    """
    shift = _shift(results, selections)
    return _mean(_of_best(results, selections[target], shift) for target in results.averaged_targets)


def likely_baseline(results: Results, selections: Mapping[str, Selection]) -> Bounds:
    """Of the test average of the baseline (percent)."""
    shift = _shift(results, selections)
    return _mean(_of_baseline(results, selections[target], shift) for target in results.averaged_targets)


def _of_best(results: Results, selection: Selection, shift: Bounds | None) -> Bounds:
    if isinstance(selection.test, TaskScore):
        return selection.test.bounds
    if isinstance(selection.choice, Choice):
        best = selection.choice.best.score
        return _moved((best, best), selection, shift)
    found = [results.dev(row, selection.target) for row in results.variants]
    return _moved((max(score.bounds[0] for score in found), ANYTHING[1]), selection, shift)


def _of_baseline(results: Results, selection: Selection, shift: Bounds | None) -> Bounds:
    if isinstance(selection.baseline_test, TaskScore):
        return selection.baseline_test.bounds
    if results.baseline is None:
        return ANYTHING
    return _moved(results.dev(results.baseline, selection.target).bounds, selection, shift)


def _moved(dev: Bounds, selection: Selection, shift: Bounds | None) -> Bounds:
    """Bounds of a dev score as bounds of the test score."""
    if selection.on_evaluation_data:
        return dev
    if shift is None:
        return ANYTHING
    return max(dev[0] + shift[0], ANYTHING[0]), min(dev[1] + shift[1], ANYTHING[1])


def _shift(results: Results, selections: Mapping[str, Selection]) -> Bounds | None:
    """Least and largest test score minus dev score of the runs whose test scores are open; None without any."""
    found = [shift for selection in selections.values() for shift in _shifts(results, selection)]
    return (min(found), max(found)) if found else None


def _shifts(results: Results, selection: Selection) -> Iterator[float]:
    if selection.on_evaluation_data:
        return
    for row, opened in ((selection.variant, selection.test), (results.baseline, selection.baseline_test)):
        if row is not None and isinstance(opened, TaskScore):
            tests = results.seeds_of(row, selection.target, Split.TEST)
            for seed, score in results.seeds_of(row, selection.target, selection.split).items():
                if isinstance(score, TaskScore) and isinstance(test := tests[seed], TaskScore):
                    yield test.value - score.value


def _mean(bounds: Iterable[Bounds]) -> Bounds:
    listed = list(bounds)
    if not listed:
        return ANYTHING
    return mean(low for low, _ in listed), mean(high for _, high in listed)

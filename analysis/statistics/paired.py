"""Scores by row of runs, put side by side: estimates of a score and of a paired difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.statistics.estimate import Estimate
from analysis.statistics.influence import Layout, Profile, layout, profile, restricted
from analysis.statistics.interval import (
    Between,
    between_runs,
    difference_estimate,
    difference_spread,
    score_interval,
    score_spread,
)
from analysis.statistics.rows import Rows, RowsError


@dataclass(frozen=True, kw_only=True, eq=False)
class Aligned:
    """Runs measured on the same rows.

    Attributes:
        layout: of the rows.
        scores: by run, float[N] or counts [N, 3], in the order of the layout.
    """

    layout: Layout
    scores: tuple[NDArray[Any], ...]

    def of(self, languages: Sequence[str]) -> Aligned:
        """The same on some languages alone; raises ValueError for one that has no rows."""
        part, kept = restricted(self.layout, languages)
        return Aligned(layout=part, scores=tuple(run[kept] for run in self.scores))


def aligned(runs: Sequence[Rows], names: Sequence[str] = ()) -> Aligned:
    """Put runs on the same rows, at least one run.

    BUCC's rows without prediction and reference are left out of its files; there nothing was right, gold or found.
    `names` are what errors call the runs. Raises RowsError for runs on other rows than the first, ValueError as
    `layout` does.
    """
    first = runs[0]
    keys, items = first.keys, first.items
    if first.sparse:
        keys = items = tuple(sorted({key for rows in runs for key in rows.keys}))
    else:
        for number, rows in enumerate(runs):
            if rows.keys is not keys and rows.keys != keys:
                name, other = (names[place] if names else f"run {place + 1}" for place in (number, 0))
                raise RowsError(f"{name} was measured on other rows than {other}")
    scores = tuple(_on(rows, keys) for rows in runs)
    gold = scores[0][:, 1] if scores[0].ndim == 2 else None
    return Aligned(layout=layout([language for language, _ in keys], items, gold), scores=scores)


def score_estimate(
    runs: Sequence[Rows], *, between: Between | None = None, languages: Sequence[str] | None = None
) -> Estimate:
    """Score in percent, mean over the runs, all languages or some.

    `between` is the variance between runs, pooled over the table; without it the interval is over rows alone. Errors
    are those of `aligned` and `Aligned.of`.
    """
    side = _profiles(aligned(runs), languages)
    return score_of(side[0], side[1], between)


def difference(
    a: Sequence[Rows], b: Sequence[Rows], *, between: Between | None = None, languages: Sequence[str] | None = None
) -> Estimate:
    """Score of `a` less that of `b` in points, paired by row; arguments and errors as of `score_estimate`."""
    of, both = _profiles(aligned([*a, *b]), languages)
    first, second = both.some(range(len(a))), both.some(range(len(a), both.num_runs))
    return difference_of(of, first, second, between)


def between(sides: Sequence[Sequence[Rows]], *, languages: Sequence[str] | None = None) -> Between | None:
    """Variance between the runs of a side, pooled over the sides; None where no side has two runs."""
    _, every = _profiles(aligned([rows for side in sides for rows in side]), languages)
    ends = np.cumsum([len(side) for side in sides])
    return between_runs(every.some(range(end - len(side), end)) for side, end in zip(sides, ends, strict=True))


def score_of(of: Layout, runs: Profile, between: Between | None) -> Estimate:
    """As `score_estimate`, from influences."""
    rows = score_spread(of, runs.influences.mean(axis=0))
    return score_interval(float(runs.scores.mean()), rows, runs.num_runs, between)


def difference_of(of: Layout, a: Profile, b: Profile, between: Between | None) -> Estimate:
    """As `difference`, from influences."""
    rows = difference_spread(of, a.influences.mean(axis=0) - b.influences.mean(axis=0))
    value = float(a.scores.mean() - b.scores.mean())
    return difference_estimate(value, rows, (a.num_runs, b.num_runs), between)


def _profiles(found: Aligned, languages: Sequence[str] | None) -> tuple[Layout, Profile]:
    part = found if languages is None else found.of(languages)
    return part.layout, profile(part.layout, np.stack(part.scores))


def _on(rows: Rows, keys: Sequence[tuple[str, str]]) -> NDArray[Any]:
    """Scores on these rows."""
    if not rows.sparse:
        return rows.scores
    places = {key: place for place, key in enumerate(keys)}
    scores = np.zeros((len(keys), 3))
    scores[[places[key] for key in rows.keys]] = rows.scores
    return scores

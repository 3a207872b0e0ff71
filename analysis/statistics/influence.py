"""Influence of items on a task score: the common currency of all intervals here.

A task score is the unweighted mean over languages of a mean over rows, or of an F1 of counts. The influence of a row is
by how much it moves the score away from its language's mean (delta method: F1 is linearised), so that the influences of
a language add up to 0 and languages are strata. Rows of one item (translations of one sentence) are summed up. The
variance of the score over rows is the sum of the squared influences of its items; the influences of a difference, or of
a mean over seeds, are the differences, or means, of influences.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.statistics.racing import Floats

Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Layout:
    """Which language and item each of N rows belongs to.

    Attributes:
        names: L languages.
        languages: int[N], places in `names`.
        items: int[N], numbers from 0 on.
        num_items: C.
        weights: float[N], by how much the score moves when a row goes from all wrong to all right, points.
    """

    names: tuple[str, ...]
    languages: Ints
    items: Ints
    num_items: int
    weights: Floats

    @property
    def rows_of(self) -> Ints:
        """int[L], rows of each language."""
        return np.bincount(self.languages, minlength=len(self.names))

    @property
    def item_weight(self) -> float:
        """Root mean square over the items of how far the score moves with one of them, points."""
        summed = np.bincount(self.items, weights=self.weights, minlength=self.num_items)
        return float(np.sqrt((summed**2).sum() / max(np.count_nonzero(summed), 1)))

    def mask(self, languages: Sequence[str]) -> NDArray[np.bool_]:
        """bool[N], rows of these languages; raises ValueError for one that has no rows."""
        missing = [name for name in languages if name not in self.names]
        if missing or not languages:
            raise ValueError(f"no rows of {', '.join(missing) or 'no language'}; there are {', '.join(self.names)}")
        return np.isin(self.languages, [self.names.index(name) for name in languages])


@dataclass(frozen=True, kw_only=True, eq=False)
class Profile:
    """S runs of one row of the table on the same items.

    Attributes:
        scores: float[S], task scores in percent.
        influences: float[S, C], points; centred and scaled so that the sum of squares is the variance of the score.
    """

    scores: Floats
    influences: Floats

    @property
    def num_runs(self) -> int:
        """S."""
        return len(self.scores)

    def some(self, places: Sequence[int]) -> Profile:
        """The runs at these places."""
        return Profile(scores=self.scores[list(places)], influences=self.influences[list(places)])


def layout(languages: Sequence[str], items: Sequence[Hashable], gold: ArrayLike | None = None) -> Layout:
    """Layout of N rows; `gold` is int[N], chunks or pairs of the reference where the score is an F1 of counts.

    Raises ValueError for no rows, for a language with a single row, since one row shows no spread, and for lengths that
    differ.
    """
    if not len(languages) or len(languages) != len(items):
        raise ValueError(f"a layout needs as many items as rows and at least one, got {len(languages)}, {len(items)}")
    places, numbers = _numbered(languages), _numbered(items)
    names = tuple(dict.fromkeys(languages))
    rows_of = np.bincount(places)
    if single := [name for name, rows in zip(names, rows_of, strict=True) if rows < 2]:
        raise ValueError(f"a single row of {', '.join(single)} shows no spread; an interval needs two")
    weights = 1.0 / rows_of[places]
    if gold is not None:
        named = np.asarray(gold, dtype=np.float64)
        all_named = np.bincount(places, weights=named)[places]
        weights = np.where(all_named > 0, named / np.maximum(all_named, 1.0), weights)
    return Layout(
        names=names, languages=places, items=numbers, num_items=int(numbers.max()) + 1,
        weights=100.0 * weights / len(names),
    )  # fmt: skip


def restricted(whole: Layout, languages: Sequence[str]) -> tuple[Layout, NDArray[np.bool_]]:
    """The layout of the rows of some languages alone, and bool[N] which they are; errors are those of `mask`."""
    kept = whole.mask(languages)
    names = tuple(name for name in whole.names if name in languages)
    _, places = np.unique(whole.languages[kept], return_inverse=True)
    _, items = np.unique(whole.items[kept], return_inverse=True)
    scale = len(whole.names) / len(names)
    return Layout(
        names=names, languages=places, items=items, num_items=int(items.max()) + 1, weights=whole.weights[kept] * scale
    ), kept


def profile(of: Layout, scores: ArrayLike) -> Profile:
    """Scores and influences of runs.

    Args:
        of: the layout of the rows.
        scores: float[S, N] from 0 to 1, or counts [S, N, 3] of right, gold and found chunks or pairs.

    Raises ValueError for another shape.
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim not in (2, 3) or values.shape[1] != len(of.items) or values.shape[2:] not in ((), (3,)):
        raise ValueError(f"scores must be [runs, {len(of.items)}] or [runs, {len(of.items)}, 3], got {values.shape}")
    rows_of = of.rows_of
    num_languages = len(rows_of)
    factor = (np.sqrt(rows_of / (rows_of - 1.0)) * 100.0 / num_languages)[of.languages]
    means, influences = [], []
    for run in values:
        by_language, moved = (_of_means if values.ndim == 2 else _of_counts)(of, run, rows_of)
        means.append(100.0 * by_language.mean())
        influences.append(np.bincount(of.items, weights=moved * factor, minlength=of.num_items))
    return Profile(scores=np.array(means), influences=np.stack(influences))


def joined(profiles: Sequence[Profile]) -> Profile:
    """The unweighted mean over T targets, whose items are distinct; run s of every target is of the same seed."""
    share = 1.0 / len(profiles)
    return Profile(
        scores=np.mean([each.scores for each in profiles], axis=0),
        influences=np.concatenate([share * each.influences for each in profiles], axis=1),
    )


def _of_means(of: Layout, run: Floats, rows_of: Ints) -> tuple[Floats, Floats]:
    """float[L] means, and float[N] influence of a row on the mean of its language."""
    means = np.bincount(of.languages, weights=run, minlength=len(rows_of)) / rows_of
    return means, (run - means[of.languages]) / rows_of[of.languages]


def _of_counts(of: Layout, run: Floats, rows_of: Ints) -> tuple[Floats, Floats]:
    """The same of F1 (0 without any chunk), linearised."""
    right, named = run[:, 0], run[:, 1] + run[:, 2]
    all_right = np.bincount(of.languages, weights=right, minlength=len(rows_of))
    all_named = np.maximum(np.bincount(of.languages, weights=named, minlength=len(rows_of)), 1.0)
    f1 = 2.0 * all_right / all_named
    return f1, (2.0 * right - f1[of.languages] * named) / all_named[of.languages]


def _numbered(names: Iterable[Any]) -> Ints:
    """int[N], equal names to equal numbers, from 0 on in order of appearance."""
    numbers: dict[Any, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], dtype=np.int64)

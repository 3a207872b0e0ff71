"""Scores by row, made without a store."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from analysis.statistics.rows import Rows


def rows_of(scores: ArrayLike, languages: Sequence[str] = (), items: Sequence[Hashable] = ()) -> Rows:
    """Rows of one run: all of one language, each an item of its own, unless said otherwise."""
    values = np.asarray(scores)
    names = list(languages) or ["en"] * len(values)
    keys = tuple((name, str(number)) for number, name in enumerate(names))
    return Rows(keys=keys, items=tuple(items) or keys, scores=values)


def answers(*counts: int) -> tuple[Rows, Rows]:
    """Two runs with (both right, only the first, only the second, none) rows."""
    first, second = np.repeat([1.0, 1.0, 0.0, 0.0], counts), np.repeat([1.0, 0.0, 1.0, 0.0], counts)
    return rows_of(first), rows_of(second)


def translated(values: np.ndarray) -> Rows:
    """Rows of a run from scores [C, L] or counts [C, L, 3] of C items in L languages."""
    items, languages = values.shape[:2]
    return rows_of(
        np.swapaxes(values, 0, 1).reshape(items * languages, *values.shape[2:]),
        [f"l{number}" for number in range(languages) for _ in range(items)],
        [*range(items)] * languages,
    )


def right_or_wrong(generator: np.random.Generator, shares: Sequence[float], items: int, languages: int) -> list[Rows]:
    """One run for each share of right rows; runs and languages agree on which items are hard."""
    hard = generator.standard_normal((items, 1)) + 0.6 * generator.standard_normal((items, languages))
    made = []
    for share in shares:
        own = 0.5 * generator.standard_normal((items, 1)) + 0.5 * generator.standard_normal((items, languages))
        latent = (hard + own) / np.sqrt(1 + 0.36 + 0.5)
        made.append(translated((latent > np.quantile(latent, 1 - share)).astype(float)))
    return made

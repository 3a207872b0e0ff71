"""Judging: how good a ranking is, held against the gains of a full sweep."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np

CHOSEN = 3
"""Candidates that somebody would train."""
LEVEL = 0.05
_EXACT = 16
_SHUFFLES = 20_000
_SEED = 0


def regret(gains: Sequence[float], first: int) -> float:
    """Points that the best of the first candidates is below the best of all; `gains` in the order of the ranking."""
    return max(gains) - max(gains[:first])


def ndcg(gains: Sequence[float]) -> float:
    """Normalised discounted cumulative gain of a ranking; relevance is the gain above the worst candidate's."""
    relevance = np.asarray(gains, np.float64) - min(gains)
    discounts = _discounts(len(relevance))
    best = float(np.sort(relevance)[::-1] @ discounts)
    return float(relevance @ discounts) / best if best else 1.0


def regret_by_chance(gains: Sequence[float], first: int) -> float:
    """The expected regret of a random order."""
    ordered, chosen = sorted(gains), min(first, len(gains))
    ways = comb(len(ordered), chosen)
    expected = sum(value * comb(place, chosen - 1) for place, value in enumerate(ordered)) / ways
    return ordered[-1] - expected


def ndcg_by_chance(gains: Sequence[float]) -> float:
    """The expected NDCG of a random order."""
    relevance = np.asarray(gains, np.float64) - min(gains)
    discounts = _discounts(len(relevance))
    best = float(np.sort(relevance)[::-1] @ discounts)
    return float(relevance.mean() * discounts.sum()) / best if best else 1.0


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Differences of two rules over the same targets: regret of the other less regret of the own.

    Attributes:
        mean: points; above 0 the own rule is the better one.
        better, worse: on so many targets.
        p: two-sided, of all ways to swap the two rules on groups of targets; 1 without a difference.
    """

    mean: float
    better: int
    worse: int
    p: float

    @property
    def is_better(self) -> bool:
        """Whether the own rule is better beyond chance."""
        return self.mean > 0 and self.p < LEVEL


def compare(own: Sequence[float], other: Sequence[float], groups: Sequence[str]) -> Compared:
    """Regrets of two rules on the same targets; targets of a group (a family of tasks) are swapped together."""
    differences = np.asarray(other, np.float64) - np.asarray(own, np.float64)
    names = list(dict.fromkeys(groups))
    sums = np.array([differences[[group == name for group in groups]].sum() for name in names])
    if len(names) <= _EXACT:
        signs = np.array(list(itertools.product((1, -1), repeat=len(names))))
    else:
        signs = np.random.default_rng(_SEED).choice((1, -1), size=(_SHUFFLES, len(names)))
        signs[0] = 1
    beyond = np.abs(signs @ sums) >= abs(sums.sum()) - 1e-12
    return Compared(
        mean=float(differences.mean()),
        better=int((differences > 1e-9).sum()),
        worse=int((differences < -1e-9).sum()),
        p=float(beyond.mean()),
    )


def _discounts(count: int) -> np.ndarray:
    return 1.0 / np.log2(np.arange(2, count + 2))

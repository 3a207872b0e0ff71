"""Racing: for each target, which intermediates are beaten beyond chance and get no further runs there.

A race has K contenders (the rows of Table 2 on one target) and R rounds; round r is over when the contenders that are
left have r runs each: seeds, or the best of r search trials. Scores come as points[S, N]: S runs, N rows of the split
that selects, on the same rows in the same order, so that their mean is the task score in percent.

Two things are chance. *Rows*: another dev set of the same kind would give other scores. *Runs*: another seed would give
another model. A test over rows alone takes a lucky seed for a better task, so both are in the test:

    t = difference of the means / sqrt(rows + runs)
    rows = mean squared difference of a row, averaged over the runs, / N
    runs = v (1 / S of the contender + 1 / S of the leader)

The first term is the variance of the paired permutation test that flips the signs of the rows' differences; for one run
and scores of 0 and 1 the statistic is McNemar's. The second is that of runs as a random effect (two-way layout of rows
and runs without replication, as for language materials: Clark 1973). v is the variance between the runs of a contender
that its rows do not explain, pooled over the contenders of the race, and moderated (Smyth 2004): the assumed
`Rule.seed_sd` counts as much as ASSUMED_FREEDOM measured degrees of freedom. After one run it is all there is. The
permutation test itself is not used because no exchange of rows can show how far another seed would land.

What the test does not cover: that further search trials may help one contender more than another, and a difference in
kind between dev and test rows. XQuAD, TyDiQA and Tatoeba have a single set: their races, like the selection
(protocol.md 7), decide on the rows that are reported.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trainables.ledger.race import Dropped, Rule

Floats = NDArray[np.float64]

ASSUMED_FREEDOM = 8.0
"""Degrees of freedom that the assumed variance between runs counts for."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """All that a decision needs of K contenders, in the order of `names`.

    Attributes:
        names: K names.
        means: float[K], task score, mean over the runs, percent.
        runs: int[K].
        squares: float[K, K], mean over the rows of the squared difference of two contenders' rows, points squared.
        seed_variance: float[K], between the runs of a contender beyond what its rows explain, points squared; unbiased,
            so it may be negative; 0 for one run.
        largest: of a row's differences between two contenders, points.
        rows: N.
    """

    names: tuple[str, ...]
    means: Floats
    runs: NDArray[np.int64]
    squares: Floats
    seed_variance: Floats
    largest: float
    rows: int


def points(scores: ArrayLike, *, languages: Sequence[str] | None = None, items: Sequence[Any] | None = None) -> Floats:
    """Points[S, U] of the runs of one contender, whose mean over U independent rows is the task score in percent.

    Args:
        scores: float[S, N] from 0 to 1 (correct or not; F1 or the mean of F1 and exact match of a question), or counts
            [S, N, 3] of right, gold and found chunks or pairs where F1 is of all rows together. F1 is then linearised:
            a row's points are its influence on the F1 of its run (delta method), to first order what exchanging
            the counts of rows would change. The mean is the F1 itself.
        languages: N names; the task score is the unweighted mean over them.
        items: N ids; rows of one item (translations of one sentence) become one row, for they go right or wrong
            together.

    Raises ValueError for no rows, other shapes or lengths, NaN, and numbers that are no shares or counts.
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim not in (2, 3) or values.shape[2:] not in ((), (3,)):
        raise ValueError(f"scores must be [runs, rows] or counts [runs, rows, 3], got shape {list(values.shape)}")
    if not values.size:
        raise ValueError(f"scores need at least one run and one row, got shape {list(values.shape)}")
    _check_finite(values, "scores")
    counts = values.ndim == 3
    if values.min() < 0 or (values[..., 0] > values[..., 1:].min(axis=-1) if counts else values > 1).any():
        allowed = "counts from 0 up, right ones no more than gold or found" if counts else "from 0 to 1"
        raise ValueError(f"scores must be {allowed}, got {values.min():g} to {values.max():g}")
    num_rows = values.shape[1]
    codes = _codes(languages, num_rows, "languages")
    rows_of = np.bincount(codes)
    if counts:
        values = _linearised(values, codes, rows_of)
    parts = values / (len(rows_of) * rows_of)[codes]
    units = np.arange(num_rows) if items is None else _codes(items, num_rows, "items")
    summed = np.stack([np.bincount(units, weights=run) for run in parts])
    scaled: Floats = 100.0 * summed.shape[1] * summed
    return scaled


def standing(scores: Mapping[str, Floats]) -> Standing:
    """Sum up points[S, N] by contender; S may differ, N may not.

    Raises ValueError for no contender, no run, no row, unequal lengths and NaN.
    """
    if not scores:
        raise ValueError("a race needs at least one contender, got none")
    first, lengths = next(iter(scores)), {name: np.shape(rows)[-1:] for name, rows in scores.items()}
    for name, rows in scores.items():
        if np.ndim(rows) != 2 or not np.size(rows):
            raise ValueError(f"points of {name} must be [runs, rows], at least one of each, got {list(np.shape(rows))}")
        if lengths[name] != lengths[first]:
            raise ValueError(
                f"{name} has {lengths[name][0]} rows, {first} has {lengths[first][0]}; compare the same dev rows"
            )
        _check_finite(rows, f"points of {name}")
    profiles = np.stack([rows.mean(axis=0) for rows in scores.values()])
    return Standing(
        names=tuple(scores),
        means=profiles.mean(axis=1),
        runs=np.array([len(rows) for rows in scores.values()]),
        squares=np.stack([((profiles - profile) ** 2).mean(axis=1) for profile in profiles]),
        seed_variance=np.array([_seed_variance(rows) for rows in scores.values()]),
        largest=float(np.ptp(profiles, axis=0).max()),
        rows=profiles.shape[1],
    )


def decide(
    found: Standing, *, target: str, round: int, rounds: int, gone: Collection[str], rule: Rule, baseline: str
) -> list[Dropped]:
    """Contenders to drop after a round of the race for one target, farthest behind first.

    Args:
        found: of every contender that started; those dropped before count as rivals and towards the variance between
            runs, but neither lead nor fall again.
        target: column, for the records.
        round: number of finished rounds.
        rounds: R as planned before the first round.
        gone: contenders that earlier rounds dropped, or that lack a run; they need no scores.
        rule: when a contender counts as beaten; the same in all rounds.
        baseline: never dropped; it may lead.

    The leader (best mean; ties go to the baseline, then by name) is never dropped. Raises ValueError for a round that
    is not planned.
    """
    level = rule.level(round, rounds, len(found.names))
    left = [number for number, name in enumerate(found.names) if name not in gone]
    if not left or not level:
        return []
    lead = min(left, key=lambda number: (-found.means[number], found.names[number] != baseline, found.names[number]))
    differences, p = against(found, lead, rule.seed_sd)
    beaten = [
        Dropped(
            contender=found.names[number],
            target=target,
            round=round,
            leader=found.names[lead],
            difference=float(differences[number]),
            p=float(p[number]),
            level=level,
            rows=found.rows,
        )
        for number in left
        if number != lead and found.names[number] != baseline and p[number] <= level
    ]
    return sorted(beaten, key=lambda each: (-each.difference, each.contender))


def against(found: Standing, lead: int, seed_sd: float) -> tuple[Floats, Floats]:
    """float[K] leader minus contender, and float[K] one-sided p of Student's t (degrees of freedom by Satterthwaite).

    The rows' term has as many degrees of freedom as whole rows differ (sum of squares over the largest square): rows
    that agree tell nothing, and a few that differ cannot make a small p (five against none: 0.04 here, 1 / 32 by the
    exact McNemar test).
    """
    from scipy.special import stdtr  # late: planning a race and reading its record do without scipy

    differences = found.means[lead] - found.means
    measured = found.runs - 1
    freedom = ASSUMED_FREEDOM + measured.sum()
    squares = max(float(measured @ found.seed_variance), 0.0)
    between = (ASSUMED_FREEDOM * seed_sd**2 + squares) / freedom
    of_rows = found.squares[lead] / found.rows
    of_runs = between * (1 / found.runs + 1 / found.runs[lead])
    variance = of_rows + of_runs
    spread = of_rows * (found.largest / found.rows) ** 2 + of_runs**2 / freedom
    p = np.ones_like(variance)
    known = variance > 0
    p[known] = stdtr(variance[known] ** 2 / spread[known], -differences[known] / np.sqrt(variance[known]))
    return differences, p


def _seed_variance(rows: Floats) -> float:
    """Variance of the runs' means less what independent rows alone would give them; points[S, N]."""
    runs, num_rows = rows.shape
    if runs == 1 or num_rows == 1:
        return 0.0
    means = rows.mean(axis=1, keepdims=True)
    residuals = rows - rows.mean(axis=0) - means + means.mean()
    of_rows = (residuals**2).sum() / ((runs - 1) * (num_rows - 1))
    return float(means.var(ddof=1) - of_rows / num_rows)


def _linearised(counts: Floats, codes: NDArray[np.int64], rows_of: NDArray[np.int64]) -> Floats:
    """float[S, N] from counts[S, N, 3]; the mean over the rows of a language is its F1 (0 without any chunk)."""
    right, named = counts[..., 0], counts[..., 1] + counts[..., 2]
    of_language = [codes == code for code in range(len(rows_of))]
    all_right = np.stack([right[:, rows].sum(axis=1) for rows in of_language], axis=1)
    all_named = np.maximum(np.stack([named[:, rows].sum(axis=1) for rows in of_language], axis=1), 1.0)
    f1 = (2 * all_right / all_named)[:, codes]
    influence: Floats = f1 + rows_of[codes] * (2 * right - f1 * named) / all_named[:, codes]
    return influence


def _codes(names: Sequence[Any] | None, num_rows: int, what: str) -> NDArray[np.int64]:
    """int[N], equal names to equal numbers from 0 on."""
    if names is None:
        return np.zeros(num_rows, dtype=np.int64)
    if len(names) != num_rows:
        raise ValueError(f"{len(names)} {what} for {num_rows} rows")
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names], dtype=np.int64)


def _check_finite(values: ArrayLike, what: str) -> None:
    bad = int(np.size(values) - np.isfinite(values).sum())
    if bad:
        raise ValueError(f"{what} must be finite, got {bad} NaN or infinite of {np.size(values)}")

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
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.cells import BASELINE
from trainables.nearest import unknown

Floats = NDArray[np.float64]

ASSUMED_FREEDOM = 8.0
"""Degrees of freedom that the assumed variance between runs counts for."""


class Guarantee(StrEnum):
    """What stays below alpha over all rounds of one race, whatever the true scores are."""

    PAIR = "pair"
    """The chance that the best contender is dropped for the sake of one given rival.

    The levels of the rounds add up to alpha (Bonferroni over the rounds). All K - 1 rivals together may drop it K - 1
    times as often; that is the worst case, in which they are all as good as the best and little is lost.
    """

    FAMILY = "family"
    """The chance that the best contender is dropped at all (Bonferroni over the rounds and the K - 1 rivals).

    It holds even when all contenders are equal, and costs about a third of the saving (`benchmarks/racing.py`).
    """


@dataclass(frozen=True, kw_only=True)
class Rule:
    """When a contender counts as beaten.

    Attributes:
        alpha: error that `guarantee` speaks of, between 0 and 1.
        guarantee: which error that is.
        seed_sd: standard deviation, in points, assumed between runs that differ by the seed: the upper end of what is
            expected, for the first round knows nothing else. Where runs really differ by twice as much, the best
            contender is dropped far more often than alpha says; take more for small training sets.
    """

    alpha: float = 0.05
    guarantee: Guarantee = Guarantee.PAIR
    seed_sd: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha must be between 0 and 1, got {self.alpha}")
        if not 0 <= self.seed_sd < float("inf"):
            raise ValueError(f"seed_sd must be a number of points from 0 up, got {self.seed_sd}")

    def level(self, round: int, rounds: int, contenders: int) -> float:
        """What p must not exceed in a round; 0 in the last one, which leaves nothing to save.

        Alpha is shared out in proportion to the rounds that a drop would save; the shares add up to 1. `contenders` is
        K, counted at the start of the race.
        """
        if not 1 <= round <= rounds:
            raise ValueError(f"round must be from 1 to {rounds}, got {round}")
        if round == rounds:
            return 0.0
        share = 2 * (rounds - round) / (rounds * (rounds - 1))
        return self.alpha * share / (max(contenders - 1, 1) if self.guarantee is Guarantee.FAMILY else 1)


@dataclass(frozen=True, kw_only=True)
class Dropped:
    """A contender that gets no further runs on a target.

    Attributes:
        contender: row, for example `ccg+mlm`.
        target: column.
        round: runs that each contender had.
        leader: row with the best mean dev score then.
        difference: leader minus contender, points.
        p: one-sided chance of such a difference if the contender were as good as the leader.
        level: what p had to stay within.
        rows: dev rows compared.
    """

    contender: str
    target: str
    round: int
    leader: str
    difference: float
    p: float
    level: float
    rows: int


@dataclass(frozen=True, kw_only=True)
class Paired:
    """Outcome of `paired_test`: leader minus contender in points, one-sided p, rows."""

    difference: float
    p: float
    rows: int


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


def paired_test(contender: Floats, leader: Floats, *, seed_sd: float = Rule.seed_sd) -> Paired:
    """Whether a contender is worse than the leader beyond chance; points[S, N] of both, one-sided.

    With `seed_sd=0` and one run each it is a test over rows alone. Raises ValueError as `standing` does.
    """
    both = standing({"contender": contender, "leader": leader})
    difference, p = _against(both, 1, seed_sd)
    return Paired(difference=float(difference[0]), p=float(p[0]), rows=both.rows)


def race(
    scores: Mapping[str, Floats],
    *,
    target: str,
    round: int,
    rounds: int,
    dropped: Collection[Dropped] = (),
    rule: Rule = Rule(),
    baseline: str = BASELINE,
) -> list[Dropped]:
    """Contenders to drop after a round of the race for one target, farthest behind first.

    Args:
        scores: points[S, N] so far of every contender that started; those dropped before count as rivals and towards
            the variance between runs, but neither lead nor fall again.
        target: column, for the records.
        round: number of finished rounds.
        rounds: R as planned before the first round.
        dropped: what earlier rounds of this race dropped.
        rule: when a contender counts as beaten; the same in all rounds.
        baseline: never dropped; it may lead.

    The leader (best mean; ties go to the baseline, then by name) is never dropped. Raises ValueError for scores that
    cannot be compared, a round that is not planned, and dropped contenders without scores.
    """
    gone = frozenset(each.contender for each in dropped if each.target == target)
    for name in sorted(gone - set(scores)):
        raise ValueError(unknown("contender", name, scores))
    return decide(standing(scores), target=target, round=round, rounds=rounds, gone=gone, rule=rule, baseline=baseline)


def decide(
    found: Standing, *, target: str, round: int, rounds: int, gone: Collection[str], rule: Rule, baseline: str
) -> list[Dropped]:
    """`race` for scores that are summed up already; `gone` names the contenders dropped before."""
    level = rule.level(round, rounds, len(found.names))
    left = [number for number, name in enumerate(found.names) if name not in gone]
    if not left or not level:
        return []
    lead = min(left, key=lambda number: (-found.means[number], found.names[number] != baseline, found.names[number]))
    differences, p = _against(found, lead, rule.seed_sd)
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


def _against(found: Standing, lead: int, seed_sd: float) -> tuple[Floats, Floats]:
    """float[K] leader minus contender, and float[K] one-sided p of Student's t (degrees of freedom by Satterthwaite).

    The rows' term has as many degrees of freedom as whole rows differ (sum of squares over the largest square): rows
    that agree tell nothing, and a few that differ cannot make a small p (five against none: 0.04 here, 1 / 32 by the
    exact McNemar test).
    """
    from scipy.special import stdtr

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

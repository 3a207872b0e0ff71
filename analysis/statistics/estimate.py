"""Estimates: a score, or a difference of two, with what chance leaves open; and the verdict on a difference.

Types only; `paired` makes estimates from scores by row, `verdicts` gives the words of a whole table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from trainables.ledger.cells import Row

LEVEL = 0.05
"""Chance of a false word of one kind somewhere in a table; intervals cover 1 - LEVEL."""
MARGIN = 0.5
"""Points within which two scores count as equivalent, unless said otherwise."""
POWER = 0.8
"""Chance that a detectable difference is found."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A score in percent, or a difference of two scores in points, with its 95 % interval.

    Attributes:
        value: mean over the seeds.
        low: lower end of the interval, not adjusted for other comparisons.
        high: upper end.
        error: standard error.
        freedom: degrees of freedom of Student's t.
        p: two-sided, that the true difference is 0; not adjusted. 1 for a single score.
        rows: measured rows.
        items: independent ones among them: translations of one sentence are one item.
        seeds: of the side that has fewer.
        over_seeds: the interval is over rows and seeds; False says that the variance between seeds is unknown (one
            seed a cell), so the interval is over rows alone.
        row_variance: share of the rows in `error` squared, points squared.
        seed_variance: between runs that differ by the seed alone, of one run, points squared; NaN where unknown.
    """

    value: float
    low: float
    high: float
    error: float
    freedom: float
    p: float
    rows: int
    items: int
    seeds: int
    over_seeds: bool
    row_variance: float
    seed_variance: float


class Word(StrEnum):
    """What can be said of a difference to the baseline."""

    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent"
    """Shown to lie within the margin."""
    OPEN = "no difference shown"

    @property
    def sign(self) -> str:
        """Mark in a table; survives print without colour."""
        return {Word.BETTER: "▲", Word.WORSE: "▼", Word.EQUIVALENT: "≈", Word.OPEN: ""}[self]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What can be said of one cell.

    Attributes:
        word: at LEVEL over the whole table.
        estimate: difference to the baseline.
        p: adjusted by Holm over the table, that there is no difference.
        p_equivalent: adjusted by Holm over the table, that the difference lies outside the margin (two one-sided
            tests).
        detectable: smallest difference in points that would have been found with a chance of POWER at LEVEL, this
            comparison alone.
        seeds_needed: seeds a cell from which a difference as large as this one would be found with a chance of POWER
            (this comparison alone); None where the variance between seeds is unknown or no number of seeds would do,
            because the rows alone leave too much open.
    """

    word: Word
    estimate: Estimate
    p: float
    p_equivalent: float
    detectable: float
    seeds_needed: int | None


@dataclass(frozen=True, kw_only=True)
class NoVerdict:
    """A cell without verdict; `reason` says why, in words for a reader."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Rival:
    """A candidate that the selected one is not separable from: how far it is behind (points, never negative)."""

    variant: Row
    behind: Estimate
    p: float
    """Adjusted by Holm over the candidates of the target."""


@dataclass(frozen=True, kw_only=True)
class Separation:
    """How sure the choice for one target is.

    Attributes:
        variant: the selected one.
        rivals: candidates that it is not shown to be better than, nearest first.
        compared: candidates that it was compared with.
        reason: why there is no comparison; empty when there is one.
    """

    variant: Row
    rivals: tuple[Rival, ...] = ()
    compared: int = 0
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Verdicts:
    """The verdicts of a table: on dev, every row but the baseline against the baseline; on test, what is opened.

    Attributes:
        cells: (row, target) -> on the split that selects.
        averages: row -> on its overall dev average.
        tests: target -> selected model against the baseline on the test set, where both are open and differ; a family
            of its own. Targets with one set only are left out.
        separations: target -> how sure the choice is.
        margin: points within which two scores count as equivalent.
        seeds: a cell, at most.
        family: how many comparisons on dev Holm's adjustment is over.
    """

    cells: Mapping[tuple[Row, str], Verdict | NoVerdict]
    averages: Mapping[Row, Verdict | NoVerdict]
    tests: Mapping[str, Verdict | NoVerdict]
    separations: Mapping[str, Separation]
    margin: float
    seeds: int
    family: int

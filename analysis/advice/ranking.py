"""Ranking: candidates for a target, the most promising first, by signals and by what records say of other targets.

Signals of one target are put on one scale (mean 0, deviation 1 over its candidates; 0 where unknown) and added with
weights. Without records all weigh the same. Records move the weights by ridge regression of their gains, on the same
scale, towards which the equal weights are the prior: it counts as much as PRIOR_PAIRS gains.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.advice.records import Records, joined
from analysis.advice.signals import CHEAP, Signals
from analysis.selection.averages import mean

ELSEWHERE, PUBLISHED = "elsewhere", "published"
"""Mean gain on the other targets of the records; gain in the paper's Table 2, of a target that it lacks its mean."""
USED = (*CHEAP, ELSEWHERE, PUBLISHED)
"""Signals that are added up."""
PRIOR_PAIRS = 40
MEASURED_WEIGHT = 2.0
"""Of a gain that the records have of this very row and target, where the guess counts 1."""

Pair = tuple[str, str]
"""Candidate and target."""
Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """A candidate for a target.

    Attributes:
        row: its name.
        score: 0 is the average candidate, 1 a deviation above it.
        signals: what is known of it, not on one scale.
        measured: mean gain that records have of this very row and target, in points; None where they have none.
    """

    row: str
    score: float
    signals: Signals
    measured: float | None = None


@dataclass(frozen=True, kw_only=True)
class Advice:
    """What an advice stands on.

    Attributes:
        cheap: signals that need no record.
        stores: records that are learned from.
        paper: the published gains; None leaves them out.
    """

    cheap: Mapping[Pair, Signals]
    stores: Sequence[Records] = ()
    paper: Records | None = None

    def signals(self, row: str, target: str, without: Iterable[str] = ()) -> dict[str, float | None]:
        """All signals of a pair; records of the targets `without` are not looked at, nor are those of the target."""
        return {
            **self.cheap.get((row, target), {}),
            ELSEWHERE: self._elsewhere(row, {target, *without}),
            PUBLISHED: self._published(row, target),
        }

    def matrix(self, rows: Sequence[str], target: str, without: Iterable[str] = ()) -> Array:
        """float[rows, USED] of one target, on one scale."""
        found = [self.signals(row, target, without) for row in rows]
        columns = [standard([signals.get(name) for signals in found]) for name in USED]
        return np.stack(columns, axis=1)

    def weights(self, without: Iterable[str] = ()) -> Array:
        """Of USED, learned from all records but those of some targets."""
        prior = np.full(len(USED), 1.0 / len(USED))
        inputs, outputs = [np.zeros((0, len(USED)))], [np.zeros(0)]
        for (_, target), gains in joined(self.stores).items():
            rows = [row for row in gains if (row, target) in self.cheap]
            if target not in without and len(rows) > 1:
                inputs.append(self.matrix(rows, target, without))
                outputs.append(standard([gains[row] for row in rows]))
        x, y = np.concatenate(inputs), np.concatenate(outputs)
        moved: Array = np.linalg.solve(x.T @ x + PRIOR_PAIRS * np.eye(len(USED)), x.T @ (y - x @ prior))
        return prior + moved

    def guess(self, rows: Sequence[str], target: str, without: Iterable[str] = ()) -> Array:
        """Score of every row, without what the records have of this target and the targets `without`."""
        hidden = {target, *without}
        found: Array = self.matrix(rows, target, hidden) @ self.weights(hidden)
        return found

    def rank(self, rows: Sequence[str], target: str) -> list[Ranked]:
        """The rows, the best first; what the records have of this target moves their scores."""
        scores = self.matrix(rows, target) @ self.weights()
        measured = {row: self._measured(row, target) for row in rows}
        known = [row for row in rows if measured[row] is not None]
        for row, own in zip(known, standard([measured[row] for row in known]), strict=True):
            place = rows.index(row)
            scores[place] = (scores[place] + MEASURED_WEIGHT * own) / (1.0 + MEASURED_WEIGHT)
        made = [
            Ranked(row=row, score=float(score), signals=self.signals(row, target), measured=measured[row])
            for row, score in zip(rows, scores, strict=True)
        ]
        return sorted(made, key=lambda each: -each.score)

    def _elsewhere(self, row: str, hidden: set[str]) -> float | None:
        found = []
        for (_, target), gains in joined(self.stores).items():
            if target not in hidden and row in gains:
                scaled = standard(list(gains.values()))
                found.append(float(scaled[list(gains).index(row)]))
        return mean(found) if found else None

    def _published(self, row: str, target: str) -> float | None:
        gains = self.paper.gains if self.paper else {}
        if target in gains:
            return gains[target].get(row)
        known = [own[row] for own in gains.values() if row in own]
        return mean(known) if known else None

    def _measured(self, row: str, target: str) -> float | None:
        known = [gains[row] for (_, name), gains in joined(self.stores).items() if name == target and row in gains]
        return mean(known) if known else None


def standard(values: Sequence[float | None]) -> Array:
    """Values with mean 0 and deviation 1; unknown ones are 0, and so are all where they do not differ."""
    given = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    known = ~np.isnan(given)
    spread = given[known].std() if known.any() else 0.0
    if spread < 1e-12:
        return np.zeros(len(given))
    return np.where(known, (np.where(known, given, 0.0) - given[known].mean()) / spread, 0.0)

"""Column: all rows of the table on one target and split, measured on the same rows of data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from analysis.scores.headings import row_title
from analysis.statistics.estimate import Estimate
from analysis.statistics.influence import Profile, profile
from analysis.statistics.interval import Between, Spread, between_runs, difference_spread
from analysis.statistics.paired import Aligned, difference_of, score_of
from analysis.statistics.rows import RowsError
from trainables.ledger.cells import Row


class Column:
    """Rows of the table side by side.

    Attributes:
        aligned: their runs.
        places: row of the table -> seed -> place of its run.
        reasons: row of the table -> why it cannot be compared.
        seen: row of the table -> languages whose labels its encoder has seen; no comparison with it is over them.
    """

    def __init__(
        self,
        aligned: Aligned | None,
        places: Mapping[Row, Mapping[int, int]],
        reasons: Mapping[Row, str],
        seen: Mapping[Row, frozenset[str]] | None = None,
    ) -> None:
        self.aligned = aligned
        self.places = places
        self.reasons = reasons
        self.seen = seen or {}
        self._profiles: dict[Row, Profile] = {}
        self._parts: dict[tuple[str, ...], Column] = {}

    @property
    def rows(self) -> tuple[Row, ...]:
        """Those that can be compared."""
        return tuple(self.places)

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages that it is measured in."""
        return self.aligned.layout.names if self.aligned else ()

    def of(self, languages: Sequence[str]) -> Column:
        """The same on some languages alone; raises ValueError for one that has no rows."""
        return Column(self._known.of(languages), self.places, self.reasons, self.seen)

    def zero_shot(self, row: Row, other: Row) -> Column:
        """The same on the languages whose labels neither encoder has seen; raises RowsError where there is none."""
        seen = self.seen.get(row, frozenset()) | self.seen.get(other, frozenset())
        if seen.isdisjoint(self.languages):
            return self
        left = tuple(language for language in self.languages if language not in seen)
        if not left:
            raise RowsError(f"labels in all of its languages were seen ({', '.join(self.languages)})")
        if left not in self._parts:
            self._parts[left] = self.of(left)
        return self._parts[left]

    def profile(self, row: Row, seeds: Sequence[int] | None = None) -> Profile:
        """Runs of a row, all or those of some seeds; raises RowsError with the reason where it cannot be compared."""
        if row in self.reasons or row not in self.places:
            raise RowsError(self.reasons.get(row, "it has no run"))
        own = self.places[row]
        if row not in self._profiles:
            known = self._known
            self._profiles[row] = profile(known.layout, np.stack([known.scores[place] for place in own.values()]))
        whole = self._profiles[row]
        if seeds is None or list(seeds) == list(own):
            return whole
        return whole.some([list(own).index(seed) for seed in seeds])

    @cached_property
    def between(self) -> Between | None:
        """Variance between runs that differ by the seed alone; None where no row has two runs."""
        return between_runs(self.profile(row) for row in self.places)

    def common(self, row: Row, other: Row) -> list[int]:
        """Seeds that both have; raises RowsError where there is none, naming `other` where it is the one without."""
        own = self.profile(row)
        if other not in self.places:
            raise RowsError(f"the {row_title(other)} cannot be compared: {self.reasons.get(other, 'it has no run')}")
        shared = [seed for seed in self.places[row] if seed in self.places[other]]
        if not shared:
            raise RowsError(f"none of its {own.num_runs} seeds is measured for the {row_title(other)}")
        return shared

    def score(self, row: Row) -> Estimate:
        """Score of a row; errors as of `profile`."""
        return score_of(self._known.layout, self.profile(row), self.between)

    def difference(self, row: Row, other: Row) -> Estimate:
        """Score of a row less that of another, over the seeds that both have; errors as of `common`."""
        part = self.zero_shot(row, other)
        first, second = part._both(row, other)
        return difference_of(part._known.layout, first, second, part.between)

    def spread(self, row: Row, other: Row) -> tuple[float, Spread]:
        """Such a difference, and what its rows leave open."""
        part = self.zero_shot(row, other)
        first, second = part._both(row, other)
        rows = difference_spread(part._known.layout, first.influences.mean(axis=0) - second.influences.mean(axis=0))
        return float(first.scores.mean() - second.scores.mean()), rows

    def _both(self, row: Row, other: Row) -> tuple[Profile, Profile]:
        shared = self.common(row, other)
        return self.profile(row, shared), self.profile(other, shared)

    @property
    def _known(self) -> Aligned:
        if self.aligned is None:
            raise RowsError("none of its rows can be read")
        return self.aligned

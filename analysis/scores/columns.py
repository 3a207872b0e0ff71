"""Scores of many records as columns, so that a million of them are read, kept and tabled at once."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.ledger.record import Score

TEXTS = ("task", "split", "language", "metric")
Ints = NDArray[np.integer[Any]]


@dataclass(frozen=True, kw_only=True)
class ScoreColumns:
    """N scores.

    Attributes:
        names: column of TEXTS -> the texts in it, each once.
        codes: column -> int32[N], places in its names.
        values: float64[N], percent.
        rows: int64[N], examples that each is over.
    """

    names: Mapping[str, tuple[str, ...]]
    codes: Mapping[str, NDArray[np.int32]]
    values: NDArray[np.float64]
    rows: NDArray[np.int64]

    @classmethod
    def of(cls, scores: Iterable[Score]) -> ScoreColumns:
        """The scores in their order; raises as `ColumnBuilder.add` does."""
        builder = ColumnBuilder()
        builder.add(scores)
        return builder.made()

    def __len__(self) -> int:
        return len(self.values)

    def take(self, places: Ints) -> ScoreColumns:
        """Scores at these places."""
        return ScoreColumns(
            names=self.names,
            codes={column: codes[places] for column, codes in self.codes.items()},
            values=self.values[places],
            rows=self.rows[places],
        )


class ColumnBuilder:
    """Gathers scores, behind those that are there already."""

    def __init__(self, before: ScoreColumns | None = None) -> None:
        self._before = _NONE if before is None else before
        self._kinds: dict[tuple[str, ...], int] = {}
        self._kind, self._values, self._rows = array("i"), array("d"), array("q")

    def __len__(self) -> int:
        """Scores so far, those before included."""
        return len(self._before) + len(self._values)

    def add(self, scores: Iterable[Score]) -> None:
        """Add scores in their order.

        Raises TypeError or OverflowError, and adds none, where a part of one is no text or number as it should be.
        """
        num_scores, num_kinds = len(self._values), len(self._kinds)
        kinds, kind, values, rows = self._kinds, self._kind.append, self._values.append, self._rows.append
        try:
            for score in scores:
                kind(kinds.setdefault((score.task, score.split, score.language, score.metric), len(kinds)))
                values(score.value)
                rows(score.rows)
            if not all(isinstance(text, str) for texts in list(kinds)[num_kinds:] for text in texts):
                raise TypeError("a name of a score is no text")
        except (TypeError, OverflowError):
            for column in (self._kind, self._values, self._rows):
                del column[num_scores:]
            for texts in list(kinds)[num_kinds:]:
                del kinds[texts]
            raise

    def made(self) -> ScoreColumns:
        """All scores so far."""
        kind, before = np.array(self._kind, dtype=np.int32), self._before
        names, codes = {}, {}
        for number, column in enumerate(TEXTS):
            places = {name: place for place, name in enumerate(before.names[column])}
            of_kind = [places.setdefault(texts[number], len(places)) for texts in self._kinds]
            names[column] = tuple(places)
            codes[column] = np.concatenate([before.codes[column], np.array(of_kind, dtype=np.int32)[kind]])
        return ScoreColumns(
            names=names,
            codes=codes,
            values=np.concatenate([before.values, np.array(self._values, dtype=np.float64)]),
            rows=np.concatenate([before.rows, np.array(self._rows, dtype=np.int64)]),
        )


_NONE = ScoreColumns(
    names=dict.fromkeys(TEXTS, ()),
    codes={column: np.zeros(0, np.int32) for column in TEXTS},
    values=np.zeros(0),
    rows=np.zeros(0, np.int64),
)

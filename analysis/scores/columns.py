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
        self._before = before
        self._names = {
            column: {name: place for place, name in enumerate(before.names[column] if before else ())}
            for column in TEXTS
        }
        self._codes = {column: array("i") for column in TEXTS}
        self._values, self._rows = array("d"), array("q")

    def __len__(self) -> int:
        """Scores so far, those before included."""
        return len(self._values) + (len(self._before) if self._before else 0)

    def add(self, scores: Iterable[Score]) -> None:
        """Add scores in their order.

        Raises TypeError or OverflowError, and adds none, where a part of one is no text or number as it should be.
        """
        num_before, num_names = len(self._values), [len(places) for places in self._names.values()]
        try:
            self._add(scores)
            for places, known in zip(self._names.values(), num_names, strict=True):
                if not all(isinstance(name, str) for name in list(places)[known:]):
                    raise TypeError("a name of a score is no text")
        except (TypeError, OverflowError):
            arrays: tuple[array[Any], ...] = (*self._codes.values(), self._values, self._rows)
            for column in arrays:
                del column[num_before:]
            for places, known in zip(self._names.values(), num_names, strict=True):
                for name in list(places)[known:]:
                    del places[name]
            raise

    def _add(self, scores: Iterable[Score]) -> None:
        (tasks, splits, languages, metrics), codes = self._names.values(), self._codes
        for score in scores:
            codes["task"].append(tasks.setdefault(score.task, len(tasks)))
            codes["split"].append(splits.setdefault(score.split, len(splits)))
            codes["language"].append(languages.setdefault(score.language, len(languages)))
            codes["metric"].append(metrics.setdefault(score.metric, len(metrics)))
            self._values.append(score.value)
            self._rows.append(score.rows)

    def made(self) -> ScoreColumns:
        """All scores so far."""
        own = ScoreColumns(
            names={column: tuple(places) for column, places in self._names.items()},
            codes={column: np.array(codes, dtype=np.int32) for column, codes in self._codes.items()},
            values=np.array(self._values, dtype=np.float64),
            rows=np.array(self._rows, dtype=np.int64),
        )
        before = self._before
        if before is None:
            return own
        return ScoreColumns(
            names=own.names,
            codes={column: np.concatenate([before.codes[column], own.codes[column]]) for column in TEXTS},
            values=np.concatenate([before.values, own.values]),
            rows=np.concatenate([before.rows, own.rows]),
        )

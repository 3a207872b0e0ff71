"""From predictions in a store to the scores by row that comparisons are made of (`racing.points`).

The rows are those of one split of a target, all languages: for the split that selects, what the table's dev score is a
mean of (XQuAD, TyDiQA, Tatoeba: their single set). A row is a pair, a question, a sentence or, for BUCC, a foreign
sentence. `scoring` says what its score is, `row_items` which rows are translations of each other.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from analysis.selection.averages import Gap, expected_languages, mean, mean_over
from analysis.statistics.racing import Floats, points
from analysis.statistics.row_cache import Frame, Measured, RowCache
from analysis.statistics.row_items import items
from analysis.statistics.row_scores import COLUMNS, RowScorer, coded, task_score, texts
from analysis.statistics.scoring import scoring
from trainables.ledger.errors import StoreError
from trainables.ledger.record import Record
from trainables.ledger.store import Store
from trainables.tasks.formats.mining import MiningFormat
from trainables.tasks.formats.pair import PairFormat
from trainables.tasks.registry import task
from trainables.tasks.task import Split, Task

_TOLERANCE = 1e-6
"""Points by which recomputed and recorded score may differ."""

_Row = tuple[str, str]
"""Language and id."""


class RowsError(ValueError):
    """Scores by row that cannot be had, or not compared; the message says why."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """Scores by row of one run on one target and split.

    Attributes:
        keys: N rows, those of a language together.
        items: N names; translations of one sentence share theirs where the data says so.
        scores: float[N] from 0 to 1, or counts int[N, 3] of right, gold and found.
        sparse: rows without prediction and reference are left out, so that other runs may have other rows (BUCC).
    """

    keys: tuple[_Row, ...]
    items: tuple[Any, ...]
    scores: NDArray[Any]
    sparse: bool = False

    @functools.cached_property
    def languages(self) -> list[str]:
        """Language of every row."""
        return [language for language, _ in self.keys]


class RowReader:
    """Reads rows of runs once, and keeps them; runs on the same rows share keys and items."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept = RowCache(store)
        self._score = RowScorer()
        self._read: dict[tuple[str, str, Split], Rows] = {}

    def __call__(self, run_id: str, target: str, split: Split | None = None) -> Rows:
        """Rows of a run; raises RowsError as `read_rows` does."""
        of = task(target)
        measured = split or of.selection_split
        key = (run_id, target, measured)
        if key not in self._read:
            self._read[key] = self._rows(run_id, of, measured)
        return self._read[key]

    def _rows(self, run_id: str, of: Task, split: Split) -> Rows:
        try:
            how = scoring(of.format, of.metrics)
        except ValueError as error:
            raise RowsError(str(error)) from error
        try:
            record = self._store.record(run_id)
            if damage := self._store.damage(run_id):
                raise StoreError(damage)
            recorded = _recorded(record, of, split)
            measured = Measured(record=record, target=of.name, split=split, recorded=recorded, how=how)
            frame, scores = self._kept.get(measured) or self._computed(measured, of)
        except RowsError:
            raise
        except (OSError, StoreError, ValueError, KeyError, pa.ArrowException) as error:
            what = f"the predictions of run {run_id} on {_where(of, split)}"
            raise RowsError(f"{what} cannot be read: {error}") from error
        return Rows(keys=frame.keys, items=frame.items, scores=scores, sparse=isinstance(of.format, MiningFormat))

    def _computed(self, measured: Measured, of: Task) -> tuple[Frame, NDArray[Any]]:
        """Scores that give the recorded one; kept for the next reader."""
        run_id, where = measured.record.run_id, _where(of, measured.split)
        table = _predictions(self._store, measured)
        if not table.num_rows:
            raise RowsError(f"run {run_id} has no predictions on {of.name} {measured.split}")
        scores = self._score(measured.how, table)
        languages, ids = table["language"].to_pylist(), table["id"].to_pylist()
        again = task_score(scores, coded(languages)[1])
        if abs(again - measured.recorded) > _TOLERANCE:
            raise RowsError(
                f"run {run_id} recorded {measured.recorded:.4f} on {where}, its predictions give {again:.4f}"
            )
        labels = texts(table["reference"]) if isinstance(of.format, PairFormat) else ()
        found = items(of, measured.record.spec.data.source, languages, ids, labels)
        return self._kept.put(measured, Frame(keys=tuple(zip(languages, ids, strict=True)), items=found), scores)


def read_rows(store: Store, run_id: str, target: str, split: Split | None = None) -> Rows:
    """Rows of a finished run on a split, on the one that selects for the target where none is named.

    Whether test rows may be looked at is for the caller to know. Raises RowsError when the target's metrics have no
    scores by row, and when the predictions are missing or broken, lack a language, or do not give the recorded score.
    """
    return RowReader(store)(run_id, target, split)


def points_of(runs: Mapping[str, Sequence[Rows]], without: Collection[str] = ()) -> dict[str, Floats]:
    """Points[S, U] by contender (`racing.points`) on the same U items; S runs each, at least one.

    `without` are languages that are left out. Raises RowsError when runs were measured on other rows, and where no
    language is left.
    """
    every = [(name, rows) for name, own in runs.items() for rows in own]
    whole = every[0][1]
    if whole.sparse:
        keys = tuple(sorted({key for _, rows in every for key in rows.keys}))
        whole = replace(whole, keys=keys, items=keys)
    else:
        for name, rows in every:
            if rows.keys is not whole.keys and rows.keys != whole.keys:
                raise RowsError(f"{name} was measured on other rows than {every[0][0]}")
    kept = [place for place, language in enumerate(whole.languages) if language not in without]
    if not kept:
        raise RowsError(f"labels in all of its languages were seen ({', '.join(dict.fromkeys(whole.languages))})")
    languages, items = ([values[place] for place in kept] for values in (whole.languages, whole.items))
    return {
        name: points([_on(rows, whole)[kept] for rows in own], languages=languages, items=items)
        for name, own in runs.items()
    }


def _on(rows: Rows, whole: Rows) -> NDArray[Any]:
    """Scores on the rows of `whole`; nothing was right, gold or found in rows that are left out."""
    if not whole.sparse:
        return rows.scores
    places = {key: place for place, key in enumerate(whole.keys)}
    scores = np.zeros((len(whole.keys), 3))
    scores[[places[key] for key in rows.keys]] = rows.scores
    return scores


def _where(of: Task, split: Split) -> str:
    return of.name if split is of.selection_split else f"{of.name} {split}"


def _recorded(record: Record, of: Task, split: Split) -> float:
    """The task score in the record, percent."""
    values: dict[str, dict[str, float]] = {metric: {} for metric in of.metrics}
    for score in record.scores:
        if (score.task, score.split) == (of.name, split) and score.metric in values:
            values[score.metric][score.language] = score.value
    missing = f"run {record.run_id} has no score of {_where(of, split)}"
    if not any(values.values()):
        raise RowsError(f"{missing}: it was not measured on {_where(of, split)}")
    expected = expected_languages(of, split, record.spec.data.languages)
    averages = [mean_over(found, expected, f"languages of {of.title}") for found in values.values()]
    if gaps := [average for average in averages if isinstance(average, Gap)]:
        raise RowsError(f"{missing}: {gaps[0].reason}")
    return mean(average for average in averages if not isinstance(average, Gap))


def _predictions(store: Store, measured: Measured) -> pa.Table:
    """Rows of a split, those of a language together, in the order of the file."""
    path = store.fetch(measured.record.run_id, f"predictions/{measured.target}.parquet")
    filters = [("split", "==", measured.split.value)]
    table = pq.read_table(path, columns=COLUMNS.names, filters=filters)
    if table.schema.types != COLUMNS.types:
        raise ValueError(f"its columns are {', '.join(map(str, table.schema.types))}")
    _, codes = coded(table["language"])
    return table if (np.diff(codes) >= 0).all() else table.take(np.argsort(codes, kind="stable"))

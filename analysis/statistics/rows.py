"""From predictions in a store to the scores by row that a race compares (`racing.points`); no model is needed.

The rows are those of the split that selects for a target, all languages: what the table's dev score is a mean of
(XQuAD, TyDiQA, Tatoeba: their single set). A row is a pair, a question, a sentence or, for BUCC, a foreign sentence.

    accuracy (XNLI, PAWS-X, Tatoeba)    0 or 1
    span QA                             mean of F1 and exact match
    chunks (POS, NER), pairs (BUCC)     counts of right, gold and found
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from analysis.scores.load import Run, load, score_table
from analysis.selection.averages import Gap, mean, task_scores
from analysis.statistics.racing import Floats, points
from trainables.ledger.errors import StoreError
from trainables.ledger.store import Store
from trainables.metrics.span_qa import answer_scores, mlqa_normalise, squad_normalise
from trainables.metrics.tagging_f1 import chunks
from trainables.tasks.formats.mining import MiningFormat
from trainables.tasks.formats.pair import PairFormat
from trainables.tasks.formats.sentence import SentenceFormat
from trainables.tasks.formats.span import Rule, SpanFormat
from trainables.tasks.formats.tagging import TaggingFormat
from trainables.tasks.registry import task
from trainables.tasks.task import Task

_TOLERANCE = 1e-6
"""Points by which recomputed and recorded score may differ."""

_Row = tuple[str, str]
"""Language and id."""


class RowsError(ValueError):
    """Scores by row that cannot be had, or not compared; the message says why."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """Scores by row of one run on one target.

    Attributes:
        keys: N rows.
        items: N ids; translations of one sentence share theirs where the data says so.
        scores: float[N] from 0 to 1, or counts int[N, 3] of right, gold and found.
        sparse: rows without prediction and reference are left out, so that other runs may have other rows (BUCC).
    """

    keys: tuple[_Row, ...]
    items: tuple[Any, ...]
    scores: NDArray[Any]
    sparse: bool = False

    @property
    def languages(self) -> list[str]:
        """Language of every row."""
        return [language for language, _ in self.keys]


class RowReader:
    """Reads rows of runs once, and keeps them; runs of a target share what is the same."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._read: dict[tuple[str, str], Rows] = {}
        self._first: dict[str, Rows] = {}

    def __call__(self, run_id: str, target: str) -> Rows:
        """Rows of a run; raises RowsError as `read_rows` does."""
        if (run_id, target) not in self._read:
            rows = read_rows(self._store, run_id, target)
            first = self._first.setdefault(target, rows)
            if rows.keys == first.keys:
                rows = replace(rows, keys=first.keys, items=first.items)
            self._read[run_id, target] = rows
        return self._read[run_id, target]


def read_rows(store: Store, run_id: str, target: str) -> Rows:
    """Rows of a finished run on the split that selects for the target.

    Raises RowsError when the predictions are missing or broken, lack a language, or do not give the recorded score.
    """
    of = task(target)
    try:
        [run] = load(store, [run_id])
        by_language = _predictions(store, run, of)
    except (OSError, StoreError, ValueError, KeyError) as error:
        raise RowsError(f"the predictions of run {run_id} on {target} cannot be read: {error}") from error
    recorded = _recorded(run, of)
    keys = tuple((language, row) for language, rows in by_language.items() for row, _, _ in rows)
    if not keys:
        raise RowsError(f"run {run_id} has no predictions on {target} {of.selection_split}")
    found = [_score(of, language, given, gold) for language, rows in by_language.items() for _, given, gold in rows]
    scores = np.array(found, dtype=np.int16 if isinstance(found[0], tuple) else np.float64)
    made = Rows(keys=keys, items=_items(of, by_language), scores=scores, sparse=isinstance(of.format, MiningFormat))
    again = float(points(scores[None], languages=made.languages).mean())
    if abs(again - recorded) > _TOLERANCE:
        raise RowsError(f"run {run_id} recorded {recorded:.4f} on {target}, its predictions give {again:.4f}")
    return made


def points_of(runs: Mapping[str, Sequence[Rows]]) -> dict[str, Floats]:
    """Points[S, U] by contender (`racing.points`) on the same U items; S runs each, at least one.

    Raises RowsError when runs were measured on other rows.
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
    return {
        name: points([_on(rows, whole) for rows in own], languages=whole.languages, items=whole.items)
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


def _recorded(run: Run, of: Task) -> float:
    """The task score in the record, percent."""
    by_split = {
        split: score for (cell, split), score in task_scores(score_table([run])).items() if cell.target == of.name
    }
    score = by_split.get(of.selection_split, Gap(reason=f"it was not measured on {of.name}"))
    if isinstance(score, Gap):
        raise RowsError(f"run {run.record.run_id} has no score of {of.name}: {score.reason}")
    return mean(score.metrics.values())


def _predictions(store: Store, run: Run, of: Task) -> dict[str, list[tuple[str, list[str], list[str]]]]:
    """Language -> id, prediction and reference of every row, in the order of the file."""
    table = pq.read_table(
        store.fetch(run.record.run_id, f"predictions/{of.name}.parquet"),
        filters=[("split", "==", of.selection_split.value)],
    )
    columns = (table[name].to_pylist() for name in ("language", "id", "prediction", "reference"))
    found: dict[str, list[tuple[str, list[str], list[str]]]] = defaultdict(list)
    for language, row, given, gold in zip(*columns, strict=True):
        found[language].append((row, given, gold))
    return found


def _score(of: Task, language: str, given: Sequence[str], gold: Sequence[str]) -> Any:
    """Score of one row, or its counts."""
    match of.format:
        case PairFormat() | SentenceFormat():
            return float(given == gold)
        case SpanFormat(rule=rule):
            own = functools.partial(mlqa_normalise, language=language) if rule is Rule.MLQA else squad_normalise
            return mean(answer_scores(gold, given[0], own))
        case TaggingFormat():
            right = set(chunks(gold))
            return _counts(right, right if given == gold else set(chunks(given)))
        case MiningFormat():
            return _counts(set(gold), set(given))
    raise RowsError(f"{of.name} has no scores by row; `row_scores` knows pairs, sentences, spans, tags and mining")


def _counts(gold: set[Any], found: set[Any]) -> tuple[int, int, int]:
    return len(gold & found), len(gold), len(found)


def _items(of: Task, by_language: Mapping[str, Sequence[tuple[str, list[str], list[str]]]]) -> tuple[Any, ...]:
    """Rows with the same id are translations of each other (XQuAD, MLQA).

    Pairs have no such ids: row n of every language is the same pair if all languages have the same labels in order.
    """
    if isinstance(of.format, PairFormat):
        labels = {tuple(gold[0] for _, _, gold in rows) for rows in by_language.values()}
        if len(labels) == 1:
            return tuple(place for rows in by_language.values() for place in range(len(rows)))
        return tuple((language, row) for language, rows in by_language.items() for row, _, _ in rows)
    return tuple(row for rows in by_language.values() for row, _, _ in rows)

"""Predictions of one run in one language, compared with what its record says; and the scores of its rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.scores.headings import AnalysisError
from analysis.scores.load import Run
from analysis.statistics.row_scores import COLUMNS, RowScorer
from analysis.statistics.scoring import Kind, Scoring, scoring
from trainables.ledger.store import Store
from trainables.tasks.formats.choice import ChoiceFormat
from trainables.tasks.formats.pair import PairFormat
from trainables.tasks.formats.sentence import SentenceFormat
from trainables.tasks.formats.span import SpanFormat
from trainables.tasks.formats.tagging import TaggingFormat
from trainables.tasks.task import Split, Task

SAME = 1e-6
"""Percent by which a score made again may differ from the recorded one."""

Texts = tuple[str, ...]


class Predicted(NamedTuple):
    """One row: what was predicted and what is right, each a list as in `phases.predictions.SCHEMA`."""

    prediction: Texts
    reference: Texts


def read(store: Store, run: Run, of: Task, split: Split, language: str) -> dict[str, Predicted]:
    """Rows by id, in the order of the data.

    Raises AnalysisError when the file cannot be read, has an id twice, or does not give the recorded score; StoreError
    when it is not there or damaged.
    """
    run_id = run.record.run_id
    path = store.fetch(run_id, f"predictions/{of.name}.parquet")
    try:
        table = pq.read_table(path, filters=[("split", "=", split.value), ("language", "=", language)])
        ids, given, gold = (table[name].to_pylist() for name in ("id", "prediction", "reference"))
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise AnalysisError(f"the predictions of run {run_id} on {of.name} cannot be read: {error}") from error
    found = {key: Predicted(tuple(a), tuple(b)) for key, a, b in zip(ids, given, gold, strict=True)}
    if len(found) < len(ids):
        raise AnalysisError(f"the predictions of run {run_id} on {of.name} {language} have an id twice")
    _check(run, of, split, language, list(found.values()))
    return found


def row_scores(of: Task, language: str, rows: Mapping[str, Predicted]) -> dict[str, float]:
    """Score of every row by its id: 0 or 1; QA: mean of F1 and EM; tags and mined pairs: that of the row's own.

    Raises AnalysisError for rows that are not of the task's format, or a task without scores by row.
    """
    columns = {
        "language": [language] * len(rows),
        "id": list(rows),
        "prediction": [list(row.prediction) for row in rows.values()],
        "reference": [list(row.reference) for row in rows.values()],
    }
    try:
        found = RowScorer()(_scoring(of), pa.table(columns, schema=COLUMNS))
    except ValueError as error:
        raise AnalysisError(f"the predictions on {of.name} {language}: {error}") from error
    if found.ndim > 1:
        right, gold, given = found.T
        found = np.where(gold + given, 2 * right / np.maximum(gold + given, 1), 1.0)
    return dict(zip(rows, found.tolist(), strict=True))


def is_graded(of: Task) -> bool:
    """Whether a row may be partly right."""
    return _scoring(of).kind is not Kind.EQUAL


def _scoring(of: Task) -> Scoring:
    """A label is right or wrong, whatever is measured of them all; of the metrics of tags the first one counts."""
    if isinstance(of.format, PairFormat):
        return scoring(of.format, ("accuracy",))
    return scoring(of.format, of.metrics[:1] if isinstance(of.format, TaggingFormat) else of.metrics)


def _only(texts: Texts) -> str:
    return texts[0] if texts else ""


def _check(run: Run, of: Task, split: Split, language: str, rows: Sequence[Predicted]) -> None:
    """Raise AnalysisError unless the rows give the scores that the record has."""
    of_one = isinstance(of.format, PairFormat | ChoiceFormat | SentenceFormat)
    given: list[Any] = [_only(row.prediction) if of_one or isinstance(of.format, SpanFormat) else row.prediction
                        for row in rows]  # fmt: skip
    gold: list[Any] = [_only(row.reference) if of_one else row.reference for row in rows]
    try:
        again = of.format.score(gold, given, language)
    except (ValueError, ZeroDivisionError) as error:
        raise AnalysisError(f"the predictions of run {run.record.run_id} on {of.name} {language}: {error}") from error
    for score in run.record.scores:
        if (score.task, score.split, score.language) != (of.name, split, language) or score.metric not in again:
            continue
        if not math.isclose(score.value, again[score.metric], rel_tol=0.0, abs_tol=SAME):
            raise AnalysisError(
                f"run {run.record.run_id}, {of.name} {language}: the predictions give {again[score.metric]:.4f}"
                f" {score.metric}, the record says {score.value:.4f}"
            )

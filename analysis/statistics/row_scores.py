"""Scores by row from a table of predictions, as `scoring` says; no model is needed.

Shapes: N rows, W words of all rows.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from analysis.statistics.scoring import ANSWER_METRICS, Kind, Scoring
from trainables.metrics.span_qa import Normalise, answer_scores, mlqa_normalise, squad_normalise
from trainables.metrics.tagging_f1 import chunk_counts
from trainables.tasks.formats.span import Rule

Ints = NDArray[np.int64]

COLUMNS = pa.schema(
    {
        "language": pa.string(),
        "id": pa.string(),
        "prediction": pa.list_(pa.string()),
        "reference": pa.list_(pa.string()),
    }
)
"""Of a table that is scored."""


class RowScorer:
    """Scores rows; answers that it has scored before it need not score again (runs give many answers alike)."""

    def __init__(self) -> None:
        self._normalised: dict[tuple[Rule, str], Normalise] = {}
        self._answers: dict[tuple[Rule, str, str, tuple[str, ...]], tuple[float, float]] = {}

    def __call__(self, how: Scoring, table: pa.Table) -> NDArray[Any]:
        """float64[N] from 0 to 1, or counts int32[N, 3] of right, gold and found.

        Raises ValueError for rows that are not of the format.
        """
        match how.kind:
            case Kind.EQUAL:
                return _equal(table)
            case Kind.LABEL:
                return _of_label(how.label, table)
            case Kind.ANSWER:
                return self._spans(how, table)
            case Kind.WORDS:
                return _words(table)
            case Kind.CHUNKS:
                return _chunks(table)
            case Kind.PAIRS:
                return _pairs(table)

    def _spans(self, how: Scoring, table: pa.Table) -> NDArray[np.float64]:
        given = _single(table, "prediction").to_pylist()
        rows = zip(_language(table), given, table["reference"].to_pylist(), strict=True)
        answers = [self._answer(how.rule, language, found, tuple(gold)) for language, found, gold in rows]
        measured = [ANSWER_METRICS.index(metric) for metric in how.metrics]
        shares: NDArray[np.float64] = np.array(answers, dtype=np.float64).reshape(-1, 2)[:, measured].mean(axis=1)
        return shares

    def _answer(self, rule: Rule, language: str, given: str, gold: tuple[str, ...]) -> tuple[float, float]:
        """F1 and exact match."""
        own = language if rule is Rule.MLQA else ""
        key = (rule, own, given, gold)
        if key not in self._answers:
            if (rule, own) not in self._normalised:
                plain = functools.partial(mlqa_normalise, language=own) if rule is Rule.MLQA else squad_normalise
                self._normalised[rule, own] = functools.cache(plain)
            self._answers[key] = answer_scores(gold, given, self._normalised[rule, own])
        return self._answers[key]


@dataclass(frozen=True, kw_only=True)
class _Lists:
    """A column of lists of texts, as one list: `values[bounds[n]:bounds[n + 1]]` belong to row n."""

    values: pa.Array
    bounds: Ints

    @classmethod
    def of(cls, table: pa.Table, column: str) -> _Lists:
        lists = table[column].combine_chunks()
        if lists.null_count or lists.flatten().null_count:
            raise ValueError(f"a {column} is null")
        bounds = lists.offsets.to_numpy().astype(np.int64)
        return cls(values=lists.flatten(), bounds=bounds - bounds[0])


def _single(table: pa.Table, column: str) -> pa.Array:
    """N texts of a column whose lists hold one each; raises ValueError for others."""
    lists = _Lists.of(table, column)
    if (np.diff(lists.bounds) != 1).any():
        raise ValueError(f"a {column} has not one text")
    return lists.values


def _language(table: pa.Table) -> list[str]:
    return list(table["language"].to_pylist())


def _coded(*columns: pa.Array) -> tuple[list[str], list[Ints]]:
    """The texts of columns, each once, and the columns as places in that list."""
    joined = pa.concat_arrays(list(columns)).dictionary_encode()
    codes = joined.indices.to_numpy().astype(np.int64)
    ends = np.cumsum([len(column) for column in columns])[:-1]
    return joined.dictionary.to_pylist(), np.split(codes, ends)


def _equal(table: pa.Table) -> NDArray[np.float64]:
    _, (gold, given) = _coded(_single(table, "reference"), _single(table, "prediction"))
    return (gold == given).astype(np.float64)


def _of_label(label: str, table: pa.Table) -> NDArray[np.int32]:
    names, codes = _coded(_single(table, "reference"), _single(table, "prediction"))
    is_label = np.array([name == label for name in names], dtype=bool)
    gold, found = (is_label[each] for each in codes)
    return np.stack([gold & found, gold, found], axis=1).astype(np.int32)


def _words(table: pa.Table) -> NDArray[np.int32]:
    _, references, predictions, bounds = _tags(table)
    right = np.concatenate([[0], np.cumsum(references == predictions)])
    words = np.diff(bounds)
    return np.stack([right[bounds[1:]] - right[bounds[:-1]], words, words], axis=1).astype(np.int32)


def _chunks(table: pa.Table) -> NDArray[np.int32]:
    return chunk_counts(*_tags(table)).astype(np.int32)


def _tags(table: pa.Table) -> tuple[list[str], Ints, Ints, Ints]:
    """Tags, each once; int[W] which of them are right, and were given; int[N + 1] bounds of the sentences."""
    gold, given = (_Lists.of(table, column) for column in ("reference", "prediction"))
    if (differs := gold.bounds != given.bounds).any():
        row = int(np.flatnonzero(differs)[0]) - 1
        lengths = [int(words.bounds[row + 1] - words.bounds[row]) for words in (given, gold)]
        raise ValueError(f"row {row}: {lengths[0]} predicted tags for {lengths[1]} words")
    tags, (references, predictions) = _coded(gold.values, given.values)
    return tags, references, predictions, gold.bounds


def _pairs(table: pa.Table) -> NDArray[np.int32]:
    columns = (map(set, table[column].to_pylist()) for column in ("reference", "prediction"))
    counts = [(len(gold & found), len(gold), len(found)) for gold, found in zip(*columns, strict=True)]
    return np.array(counts, dtype=np.int32).reshape(-1, 3)


def task_score(scores: NDArray[Any], codes: Ints) -> float:
    """Task score in percent: unweighted mean over the languages of their mean, or of the F1 of their counts.

    Args:
        scores: float[N] or counts[N, 3].
        codes: int[N], number of the language of every row; every number from 0 to the largest occurs.
    """
    if scores.ndim == 1:
        by_language = np.bincount(codes, weights=scores) / np.bincount(codes)
    else:
        right, gold, found = (np.bincount(codes, weights=column) for column in scores.T)
        by_language = 2 * right / np.maximum(gold + found, 1)
    return 100.0 * float(by_language.mean())


def coded(names: Sequence[str] | pa.ChunkedArray) -> tuple[list[str], Ints]:
    """Names, each once in order of appearance, and the place of each of N in that list."""
    column = names.combine_chunks() if isinstance(names, pa.ChunkedArray) else pa.array(names, type=pa.string())
    known, [codes] = _coded(column)
    return known, codes


def texts(column: pa.ChunkedArray) -> list[str]:
    """All texts of a column of lists, one behind another."""
    return list(column.combine_chunks().flatten().to_pylist())

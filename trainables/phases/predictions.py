"""Predictions of a run as parquet, one file a task, so that every score can be computed again without a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from trainables.ledger.artefacts import PREDICTIONS
from trainables.phases.context import Context

SCHEMA = pa.schema(
    {
        "split": pa.string(),
        "language": pa.string(),
        "id": pa.string(),
        "prediction": pa.list_(pa.string()),
        "reference": pa.list_(pa.string()),
    }
)
"""A label or an answer is a list of one; tags are a list of one a word; references of QA are all accepted answers.

BUCC: a row is a foreign sentence, its prediction the ids of the English sentences it was paired with (at or above the
threshold), its reference the ids of its translations; either may be empty, and rows in which both are are left out.
"""


class PredictionTable:
    """Rows of one task's predictions, gathered language by language."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Any]] = {name: [] for name in SCHEMA.names}

    def add(
        self, split: str, language: str, ids: Sequence[str], predictions: Sequence[Any], references: Sequence[Any]
    ) -> None:
        """Append one split of one language."""
        for key, prediction, reference in zip(ids, predictions, references, strict=True):
            row = (str(split), language, key, _as_list(prediction), _as_list(reference))
            for name, value in zip(SCHEMA.names, row, strict=True):
                self._rows[name].append(value)

    def to_arrow(self) -> pa.Table:
        """The table, of schema SCHEMA."""
        return pa.table(self._rows, schema=SCHEMA)


def publish(context: Context, task: str, table: PredictionTable) -> None:
    """Write `predictions/<task>.parquet` into the run's folder of the store."""
    made = context.work / f"{task}.parquet"
    pq.write_table(table.to_arrow(), made, compression="zstd")
    context.publish(f"{PREDICTIONS}/{task}.parquet", made)


def _as_list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)

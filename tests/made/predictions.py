"""Runs whose predictions are written out by hand, row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow.parquet as pq

from tests.made.records import record
from trainables.ledger.record import Score
from trainables.ledger.spec import RunSpec
from trainables.ledger.store import Store
from trainables.phases.predictions import PredictionTable
from trainables.tasks.registry import task

Rows = Sequence[tuple[str, Any, Any]]
"""Id, prediction, reference; in the form that the format scores."""


def finish_with(store: Store, spec: RunSpec, rows: Mapping[tuple[str, str], Rows], name: str = "") -> None:
    """Finish a run of one target with these rows by split and language, and the scores they give."""
    [target] = spec.tasks
    of, table, scores = task(target), PredictionTable(), []
    for (split, language), own in rows.items():
        ids, given, gold = zip(*own, strict=True)
        table.add(split, language, ids, given, gold)
        scores += [
            Score(task=target, split=split, language=language, metric=metric, value=value, rows=len(own))
            for metric, value in of.format.score(gold, given, language).items()
        ]
    made = store.work(spec.run_id) / f"{target}.parquet"
    pq.write_table(table.to_arrow(), made)
    store.publish(spec.run_id, f"predictions/{target}.parquet", made)
    store.finish(record(spec, scores, name=name))

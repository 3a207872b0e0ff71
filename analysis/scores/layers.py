"""Retrieval scores at every hidden state, of the runs that were asked for them (`retrieval.layers=all`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pandas import DataFrame

from analysis.scores.headings import AnalysisError
from analysis.scores.load import Run
from trainables.ledger.errors import StoreError
from trainables.ledger.layers import LAYERS, from_json
from trainables.ledger.plain import plain
from trainables.ledger.store import Store
from trainables.tasks.registry import task

COLUMNS = ("run_id", "intermediate", "mlm", "seed", "target", "language", "layer", "value")


def layer_scores(store: Store, runs: Sequence[Run]) -> DataFrame:
    """One line per (run, target, language, hidden state), in the order of the runs; none for runs without such scores.

    `intermediate` is `none` before any intermediate task; `layer` is 0 for the embedding output; `value` is percent,
    unrounded: accuracy (Tatoeba) or F1 (BUCC), on the split that selects for the target alone. Raises AnalysisError for
    a file that is not what its run wrote.
    """
    return DataFrame(list(_lines(store, runs)), columns=list(COLUMNS))


def _lines(store: Store, runs: Sequence[Run]) -> Iterator[tuple[Any, ...]]:
    for run in runs:
        record, (intermediate, mlm) = run.record, run.variant
        if LAYERS not in record.files:
            continue
        try:
            found = from_json(store.fetch(record.run_id, LAYERS).read_text(encoding="utf-8"))
        except (OSError, StoreError, ValueError) as error:
            raise AnalysisError(f"the hidden states of run {record.run_id} cannot be read: {error}") from error
        for score in found:
            if score.task in record.spec.tasks and score.split == task(score.task).selection_split:
                yield (
                    record.run_id, intermediate, mlm, record.spec.seed, score.task, plain(score.language), score.layer,
                    score.value,
                )  # fmt: skip

"""Finished runs of a store with their parents, and their scores as one long table.

A target or retrieval run takes its place in the grid from its parent's record: the intermediate task and MLM are those
of the run that made its encoder.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pandas import DataFrame

from analysis.scores.headings import AnalysisError
from trainables.ledger.cells import BASELINE, Cell, Row
from trainables.ledger.plan import own_row
from trainables.ledger.record import Record
from trainables.ledger.spec import Phase
from trainables.ledger.store import MissingRunError, Store


def open_store(path: Path) -> Store:
    """The store in a folder; raises AnalysisError unless it holds a finished run."""
    if not path.is_dir():
        raise AnalysisError(f"there is no store at {path}")
    store = Store(path)
    if not store.run_ids():
        raise AnalysisError(f"the store {path} has no finished run (no {path}/runs/*/record.json)")
    return store


@dataclass(frozen=True, kw_only=True)
class Run:
    """A finished run and the run whose encoder it starts from, if any."""

    record: Record
    parent: Record | None = None

    @property
    def variant(self) -> Row:
        """What the encoder was trained on before this run, or in this run when it is an intermediate one."""
        source = self.record if self.record.spec.phase is Phase.INTERMEDIATE else self.parent
        if source is None:
            return Row(BASELINE, False)
        return own_row(source.spec)

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Cells this run scores; none for an intermediate run."""
        spec = self.record.spec
        if spec.phase is Phase.INTERMEDIATE:
            return ()
        return tuple(Cell(*self.variant, target, spec.seed) for target in spec.tasks)

    @property
    def capped(self) -> bool:
        """Whether this run or its parent saw fewer rows than the data has."""
        return self.record.spec.data.capped or (self.parent is not None and self.parent.spec.data.capped)


def load(store: Store, run_ids: Collection[str] | None = None) -> list[Run]:
    """Finished runs of a store, all or those of `run_ids` that are finished, ordered by id.

    Raises AnalysisError when a parent is missing (a run is never placed in a row by guessing), BrokenRecordError for a
    record that cannot be read.
    """
    finished = store.run_ids()
    wanted = finished if run_ids is None else sorted(set(run_ids) & set(finished))
    records: dict[str, Record] = {}

    def record(run_id: str) -> Record:
        if run_id not in records:
            records[run_id] = store.record(run_id)
        return records[run_id]

    found = []
    for run_id in wanted:
        child = record(run_id)
        parent = None
        if child.spec.parent:
            try:
                parent = record(child.spec.parent)
            except MissingRunError as error:
                raise AnalysisError(
                    f"run {run_id} ({child.name}) starts from run {child.spec.parent}, which has no record in this "
                    "store, so its row is unknown. Copy that run's folder here, or remove this one"
                ) from error
        found.append(Run(record=child, parent=parent))
    return found


def score_table(runs: Sequence[Run]) -> DataFrame:
    """One line per (run, task, split, language, metric).

    `target` is the task that was measured (for an intermediate run, its own), `value` is percent, unrounded, over
    `rows` examples. `restricted` lists the languages the run was restricted to, separated by commas; empty means none.
    """
    columns = [
        "run_id", "phase", "intermediate", "mlm", "target", "seed", "split", "language", "metric", "value", "rows",
        "capped", "restricted", "encoder", "data_source", "parent",
    ]  # fmt: skip
    return DataFrame(list(_score_lines(runs)), columns=columns)


def _score_lines(runs: Sequence[Run]) -> Iterator[tuple[Any, ...]]:
    for run in runs:
        spec, (intermediate, mlm) = run.record.spec, run.variant
        for score in run.record.scores:
            yield (
                run.record.run_id, spec.phase.value, intermediate, mlm, score.task, spec.seed, score.split,
                score.language, score.metric, score.value, score.rows, run.capped, ",".join(spec.data.languages),
                spec.encoder.name, spec.data.source, spec.parent,
            )  # fmt: skip

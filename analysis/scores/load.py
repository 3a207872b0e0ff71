"""Finished runs of a store with their parents, and their scores as one long table.

A target or retrieval run takes its place in the grid from its parent's record: the intermediate task and MLM are those
of the run that made its encoder.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pandas import DataFrame

from analysis.scores.headings import AnalysisError
from trainables.ledger.cells import BASELINE, Cell, Row
from trainables.ledger.errors import MissingRunError
from trainables.ledger.plain import plain
from trainables.ledger.plan import own_row
from trainables.ledger.record import BrokenRecordError, Record
from trainables.ledger.runs import RECOMPUTED
from trainables.ledger.spec import Phase
from trainables.ledger.store import Store


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
    def intermediate(self) -> Record | None:
        """The intermediate run that made its encoder, itself included; None for the pretrained encoder."""
        return self.record if self.record.spec.phase is Phase.INTERMEDIATE else self.parent

    @property
    def variant(self) -> Row:
        """What the encoder was trained on before this run, or in this run when it is an intermediate one."""
        return own_row(self.intermediate.spec) if self.intermediate else Row(BASELINE, False)

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


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What a store holds of the runs that were asked for.

    Attributes:
        runs: finished ones, ordered by id.
        unusable: id of a run that is finished and yet cannot be used -> why: its record is broken, a file it left is
            damaged, or the record of the run that it starts from is broken or not there.
    """

    runs: tuple[Run, ...]
    unusable: Mapping[str, str]


def load_usable(store: Store, run_ids: Collection[str] | None = None) -> Loaded:
    """Finished runs of a store, all or those of `run_ids` that are finished, and those that cannot be used."""
    finished = store.run_ids()
    wanted = finished if run_ids is None else sorted(set(run_ids) & set(finished))
    records: dict[str, Record | BrokenRecordError | MissingRunError] = {}

    def record(run_id: str) -> Record | BrokenRecordError | MissingRunError:
        if run_id not in records:
            records[run_id] = _read(store, run_id)
        return records[run_id]

    found, unusable = [], {}
    for run_id in wanted:
        child = record(run_id)
        if not isinstance(child, Record):
            unusable[run_id] = f"its record is broken ({child}); {RECOMPUTED}"
            continue
        parent = record(child.spec.parent) if child.spec.parent else None
        if parent is not None and not isinstance(parent, Record):
            unusable[run_id] = _without_parent(child.spec.parent, parent)
        elif damage := store.damage(run_id):
            unusable[run_id] = damage
        else:
            found.append(Run(record=child, parent=parent))
    return Loaded(runs=tuple(found), unusable=unusable)


def load(store: Store, run_ids: Collection[str] | None = None) -> list[Run]:
    """Finished runs of a store, all or those of `run_ids` that are finished, ordered by id.

    Raises AnalysisError when one of them cannot be used (a run is never placed in a row by guessing).
    """
    loaded = load_usable(store, run_ids)
    for run_id, why in loaded.unusable.items():
        raise AnalysisError(f"run {run_id} cannot be used: {why}")
    return list(loaded.runs)


def _read(store: Store, run_id: str) -> Record | BrokenRecordError | MissingRunError:
    try:
        return store.record(run_id)
    except (BrokenRecordError, MissingRunError) as error:
        return error
    except OSError as error:
        return BrokenRecordError(f"{error.filename or run_id}: {error.strerror or error}")


def _without_parent(parent: str, error: BrokenRecordError | MissingRunError) -> str:
    start = f"it starts from run {parent}, "
    if isinstance(error, BrokenRecordError):
        return f"{start}whose record is broken; the next `run` computes that one again"
    return (
        f"{start}which has no record in this store, so its row is unknown. Copy that run's folder here, or remove this "
        "one"
    )


def score_table(runs: Sequence[Run]) -> DataFrame:
    """One line per (run, task, split, language, metric); texts are plain.

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
                run.record.run_id, spec.phase.value, intermediate, mlm, score.task, spec.seed, _plain(score.split),
                _plain(score.language), _plain(score.metric), score.value, score.rows, run.capped,
                _plain(",".join(spec.data.languages)), _plain(spec.encoder.name), _plain(spec.data.source), spec.parent,
            )  # fmt: skip


@functools.lru_cache(maxsize=1024)
def _plain(text: str) -> str:
    """Half a surrogate pair, for one, is no text for a frame."""
    return plain(text)

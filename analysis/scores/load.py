"""Finished runs of a store with their parents, and their scores as one long table.

A target or retrieval run takes its place in the grid from its parent's record: its row is that of the run that made its
encoder. A plan says of its own runs which rows they are of.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pandas import DataFrame

from analysis.scores.columns import ColumnBuilder, ScoreColumns
from analysis.scores.head import Head
from analysis.scores.headings import AnalysisError
from analysis.scores.index import Index, Read, read
from analysis.scores.kept import KeptRecord
from trainables.data.cache_folder import CacheFolderError
from trainables.data.carried import admit_all
from trainables.data.source import DataError
from trainables.data.stores import store_at
from trainables.ledger.cells import BASELINE, Cell, Row
from trainables.ledger.errors import MissingRunError
from trainables.ledger.plain import plain
from trainables.ledger.recipe import recipe_of
from trainables.ledger.record import BrokenRecordError, Record
from trainables.ledger.records import RECOMPUTED
from trainables.ledger.store import Store

WORTH_AN_INDEX = 256
"""Records from which on an index is kept; fewer are read in a moment, and a store that is only read stays as it is."""


def open_store(place: Path | str) -> Store:
    """The store in a folder, or at an address; raises AnalysisError unless it holds a finished run."""
    store = store_at(place)
    if not store.is_there:
        raise AnalysisError(f"there is no store at {place}")
    if not store.run_ids():
        raise AnalysisError(f"the store {place} has no finished run (no {place}/runs/*/record.json)")
    admit_tasks(store)
    return store


def admit_tasks(store: Store, sweep: str = "") -> None:
    """Have this process know the tasks of one's own of a store, as `sweep` has them; raises AnalysisError."""
    try:
        admit_all(store, sweep)
    except (DataError, CacheFolderError) as error:
        raise AnalysisError(str(error)) from error


@dataclass(frozen=True, kw_only=True)
class Run:
    """A finished run and the run whose encoder it starts from, if any.

    Of a store with many runs, a record reads its file when more is asked of it than the index knows; what then cannot
    be read is an AnalysisError.

    Attributes:
        before: the stages before its parent, the last one first.
        row: of its own encoder, or of the one it starts from, as a plan has it; None: as the records have it.
    """

    record: Record
    parent: Record | None = None
    before: tuple[Record, ...] = ()
    row: Row | None = None

    @property
    def stages(self) -> tuple[Record, ...]:
        """All runs that made the encoder that it starts from, the first stage first."""
        return (*reversed(self.before), *((self.parent,) if self.parent else ()))

    @property
    def intermediate(self) -> Record | None:
        """The intermediate run that made its encoder, itself included; None for the pretrained encoder."""
        return self.record if head_of(self.record).is_intermediate else self.parent

    @property
    def variant(self) -> Row:
        """What the encoder was trained on before this run, or in this run when it is an intermediate one."""
        if self.row is not None:
            return self.row
        return head_of(self.intermediate).row if self.intermediate else Row(BASELINE, False)

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Cells this run scores; none for an intermediate run."""
        head = head_of(self.record)
        return () if head.is_intermediate else head.cells(self.variant)

    @property
    def capped(self) -> bool:
        """Whether this run or one before it saw fewer rows than the data has."""
        return any(head_of(each).capped for each in (*self.stages, self.record))


def head_of(record: Record) -> Head:
    """The head of a record; of one from an index, without reading it."""
    return record.head if isinstance(record, KeptRecord) else Head.of(record)


def configured_cap(record: Record) -> int:
    """Cap on the training rows of a run that was configured, not said by its row (`panx@sw:1000`); 0 is none."""
    stages = recipe_of(head_of(record).row).stages
    return 0 if stages and stages[-1].rows else record.spec.data.train_rows


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


def load_usable(store: Store, run_ids: Collection[str] | None = None, rows: Mapping[str, Row] | None = None) -> Loaded:
    """Finished runs of a store, all or those of `run_ids` that are finished, and those that cannot be used.

    `rows` are those of runs by id, where a plan has them.
    """
    states = store.record_states()
    wanted = list(states) if run_ids is None else sorted(set(run_ids) & states.keys())
    planned = rows or {}
    records = _records(store, wanted, Index(store, states) if len(states) >= WORTH_AN_INDEX else None)
    noted = store.damaged_ids()
    found, unusable = [], {}
    for run_id in wanted:
        child = records[run_id]
        if not isinstance(child, Record):
            unusable[run_id] = f"its record is broken ({child}); {RECOMPUTED}"
            continue
        start = head_of(child).parent
        parent = records[start] if start else None
        if parent is not None and not isinstance(parent, Record):
            unusable[run_id] = _without_parent(start, parent)
        elif run_id in noted and (damage := store.damage(run_id)):
            unusable[run_id] = damage
        else:
            before = _before(parent, records) if parent else ()
            found.append(Run(record=child, parent=parent, before=before, row=planned.get(run_id)))
    return Loaded(runs=tuple(found), unusable=unusable)


def load(store: Store, run_ids: Collection[str] | None = None) -> list[Run]:
    """Finished runs of a store, all or those of `run_ids` that are finished, ordered by id.

    Raises AnalysisError when one of them cannot be used (a run is never placed in a row by guessing).
    """
    loaded = load_usable(store, run_ids)
    for run_id, why in loaded.unusable.items():
        raise AnalysisError(f"run {run_id} cannot be used: {why}")
    return list(loaded.runs)


def _records(store: Store, wanted: Sequence[str], index: Index | None) -> dict[str, Read]:
    """Records of these runs and of all that they start from."""

    def records(run_ids: Collection[str]) -> dict[str, Read]:
        return index.records(run_ids) if index else {run_id: read(store, run_id) for run_id in run_ids}

    found: dict[str, Read] = {}
    missing = list(wanted)
    while missing:
        found |= records(missing)
        parents = {head_of(record).parent for record in found.values() if isinstance(record, Record)} - {""}
        missing = sorted(parents - found.keys())
    return found


def _before(parent: Record, records: Mapping[str, Read]) -> tuple[Record, ...]:
    """The stages before a run, the last one first, as far as their records can be read."""
    found: list[Record] = []
    while isinstance(earlier := records.get(head_of(parent).parent), Record):
        found.append(earlier)
        parent = earlier
    return tuple(found)


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
    Raises AnalysisError for a score whose parts are no texts and numbers.
    """
    heads = [head_of(run.record) for run in runs]
    variants = [run.variant for run in runs]
    columns, counts = _scores(runs)
    of_run = np.repeat(np.arange(len(runs)), counts)

    def texts(of_each: Iterable[str]) -> pa.Array:
        numbers: dict[str, int] = {}
        codes = np.array([numbers.setdefault(text, len(numbers)) for text in of_each], dtype=np.int32)
        return _texts(list(numbers), codes[of_run])

    def each(of_each: Iterable[Any], kind: Any) -> Any:
        return np.array(list(of_each), dtype=kind)[of_run]

    table = {
        "run_id": texts(head.run_id for head in heads),
        "phase": texts(head.phase for head in heads),
        "intermediate": texts(row.intermediate for row in variants),
        "mlm": each((row.mlm for row in variants), bool),
        "target": _texts(columns.names["task"], columns.codes["task"]),
        "seed": each((head.seed for head in heads), np.int64),
        **{name: _texts(columns.names[name], columns.codes[name]) for name in ("split", "language", "metric")},
        "value": columns.values,
        "rows": columns.rows,
        "capped": each((run.capped for run in runs), bool),
        "restricted": texts(head.restricted for head in heads),
        "encoder": texts(head.encoder for head in heads),
        "data_source": texts(head.source for head in heads),
        "parent": texts(head.parent for head in heads),
    }
    frame: DataFrame = pa.table(table).to_pandas()
    return frame


def _scores(runs: Sequence[Run]) -> tuple[ScoreColumns, list[int]]:
    """Scores of runs, one run after another, and how many each has."""
    records = [run.record for run in runs]
    sources = [record.index if isinstance(record, KeptRecord) else None for record in records]
    if sources and sources[0] and all(source is sources[0] for source in sources):
        return sources[0].columns([record.run_id for record in records])
    builder = ColumnBuilder()
    for record in records:
        try:
            builder.add(record.scores)
        except (TypeError, OverflowError) as error:
            raise AnalysisError(
                f"run {record.run_id} cannot be used: a score in its record is none ({error})"
            ) from error
    return builder.made(), [len(record.scores) for record in records]


def _texts(names: Sequence[str], codes: NDArray[np.int32]) -> pa.Array:
    """Plain texts: half a surrogate pair, for one, is no text for a frame."""
    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(list(map(plain, names)), pa.large_string())).cast(
        pa.large_string()
    )

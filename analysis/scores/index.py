"""Index of a store: heads and scores of its records in one file, so that ten thousand are loaded in a second.

`STORE/cache/records.index` is an `.npz` behind its own digest. The records stay the truth: the index says of each by
the size, times and place on the disk of its file that it is the one that was read, and any that is not is read again.
An index that is damaged, or of another version, counts as none. A store that cannot be written is read as it is.
"""

from __future__ import annotations

import functools
import io
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.scores.columns import TEXTS, ColumnBuilder, ScoreColumns
from analysis.scores.head import Head
from analysis.scores.headings import AnalysisError
from analysis.scores.kept import KeptRecord
from trainables.ledger import files
from trainables.ledger.cells import Row
from trainables.ledger.errors import MissingRunError
from trainables.ledger.record import FORMAT, BrokenRecordError, Record
from trainables.ledger.records import FileState
from trainables.ledger.seal import sealed_bytes, unsealed_bytes
from trainables.ledger.store import Store

VERSION = [1, FORMAT]
"""Of what is written here, and of the records it was read from; another one makes an index void."""

Read = Record | BrokenRecordError | MissingRunError
"""A record, or why it cannot be read."""


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """A record as the index has it.

    Attributes:
        state: of its file when it was read.
        spec: canonical JSON.
        first: place of its first score; `num_scores` follow from there.
    """

    state: FileState
    head: Head
    name: str
    spec: str
    has_findings: bool
    first: int
    num_scores: int


class Index:
    """Records of a store as its index has them; those that it lacks are read and put there.

    `states` are those of the files as they are now (`Runs.record_states`).
    """

    def __init__(self, store: Store, states: Mapping[str, FileState]) -> None:
        self._store = store
        self._states = states
        entries, self._columns = _kept(store)
        self._entries = {run_id: each for run_id, each in entries.items() if states.get(run_id) == each.state}
        self._is_stale = len(self._entries) < len(entries)

    def records(self, run_ids: Iterable[str]) -> dict[str, Read]:
        """Records by run id. What is new is written for the next reader."""
        wanted = list(run_ids)
        found: dict[str, Read] = {}
        builder = ColumnBuilder(self._columns)
        entries = dict(self._entries)
        for run_id in wanted:
            if run_id in entries:
                continue
            record = read(self._store, run_id)
            if entry := self._entry(record, builder):
                entries[run_id] = entry  # the record itself goes: ten thousand take gigabytes
            else:
                found[run_id] = record
        if len(entries) > len(self._entries):
            self._entries, self._columns, self._is_stale = entries, builder.made(), True
        if self._is_stale:
            self._write()
        return found | {run_id: self._record(run_id) for run_id in wanted if run_id in entries}

    def columns(self, run_ids: Sequence[str]) -> tuple[ScoreColumns, list[int]]:
        """Scores of runs, one run after another, and how many each has."""
        entries = [self._entries[run_id] for run_id in run_ids]
        places = _places(entries)
        is_all = len(places) == len(self._columns) and (np.diff(places) == 1).all()
        return self._columns if is_all else self._columns.take(places), [each.num_scores for each in entries]

    def _entry(self, record: Read, builder: ColumnBuilder) -> _Entry | None:
        """None for what cannot be read, and for values that no column holds; those are read anew every time."""
        if not isinstance(record, Record) or record.run_id not in self._states:
            return None
        first = len(builder)
        try:
            head, spec = Head.of(record), record.spec.canonical_json()
            builder.add(record.scores)
        except (TypeError, ValueError, OverflowError):
            return None
        return _Entry(
            state=self._states[record.run_id],
            head=head,
            name=record.name,
            spec=spec,
            has_findings=bool(record.findings),
            first=first,
            num_scores=len(builder) - first,
        )

    def _record(self, run_id: str) -> KeptRecord:
        entry = self._entries[run_id]
        return KeptRecord.of(
            head=entry.head,
            name=entry.name,
            spec=entry.spec,
            has_findings=entry.has_findings,
            index=self,
            read=functools.partial(self._whole, run_id),
        )

    def _whole(self, run_id: str) -> Record:
        """The record itself; raises AnalysisError where it is no more the one that the index was made from."""
        record = read(self._store, run_id)
        if not isinstance(record, Record):
            raise AnalysisError(f"run {run_id} cannot be used: its record is broken ({record})") from record
        if self._store.record_state(run_id) != self._entries[run_id].state:
            raise AnalysisError(f"the record of run {run_id} was replaced while the store was read; try again")
        return record

    def _write(self) -> None:
        """Write what holds, without the scores of records that are gone."""
        entries = [self._entries[run_id] for run_id in sorted(self._entries)]
        columns = self._columns.take(_places(entries))
        heads = [_as_list(entry) for entry in entries]
        about = {"version": VERSION, "names": columns.names, "entries": heads}
        arrays: dict[str, Any] = {"values": columns.values, "rows": columns.rows, **columns.codes}
        written = io.BytesIO()
        np.savez(written, allow_pickle=False, about=np.frombuffer(json.dumps(about).encode(), np.uint8), **arrays)
        with suppress(OSError):  # a store that cannot be written, or a full disk
            files.write(self._store.cache / "records.index", sealed_bytes(written.getvalue()), durable=False)
        self._is_stale = False


def read(store: Store, run_id: str) -> Read:
    """The record in its file."""
    try:
        return store.record(run_id)
    except (BrokenRecordError, MissingRunError) as error:
        return error
    except OSError as error:
        return BrokenRecordError(f"{error.filename or run_id}: {error.strerror or error}")


def _kept(store: Store) -> tuple[dict[str, _Entry], ScoreColumns]:
    """What the index says; nothing where there is none that can be used."""
    try:
        content = unsealed_bytes((store.cache / "records.index").read_bytes())
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            about = json.loads(arrays["about"].tobytes())
            if about["version"] != VERSION:
                return {}, ScoreColumns.of(())
            columns = ScoreColumns(
                names={column: tuple(about["names"][column]) for column in TEXTS},
                codes={column: arrays[column] for column in TEXTS},
                values=arrays["values"],
                rows=arrays["rows"],
            )
        entries, first = {}, 0
        for fields in about["entries"]:
            entry = _from_list(fields, first)
            entries[entry.head.run_id] = entry
            first += entry.num_scores
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return {}, ScoreColumns.of(())
    return entries, columns


def _places(entries: Sequence[_Entry]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Places of the scores of records, one record after another."""
    counts = np.array([entry.num_scores for entry in entries], dtype=np.int64)
    firsts = np.array([entry.first for entry in entries], dtype=np.int64)
    return np.arange(counts.sum()) + np.repeat(firsts - (np.cumsum(counts) - counts), counts)


def _as_list(entry: _Entry) -> list[Any]:
    head = entry.head
    return [
        entry.state, entry.name, entry.spec, entry.has_findings, entry.num_scores, head.run_id, head.phase, head.row,
        head.tasks, head.seed, head.parent, head.capped, head.restricted, head.encoder, head.source,
    ]  # fmt: skip


def _from_list(fields: Sequence[Any], first: int) -> _Entry:
    state, name, spec, has_findings, num_scores, run_id, phase, row, tasks, seed, parent, capped, *texts = fields
    restricted, encoder, source = texts
    head = Head(
        run_id=run_id, phase=phase, row=Row(*row), tasks=tuple(tasks), seed=seed, parent=parent, capped=capped,
        restricted=restricted, encoder=encoder, source=source,
    )  # fmt: skip
    return _Entry(
        state=FileState(*state), head=head, name=name, spec=spec, has_findings=has_findings, first=first,
        num_scores=num_scores,
    )  # fmt: skip

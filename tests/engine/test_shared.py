"""Rows that a run evaluates and that it, or a stage before it, was trained or stopped on: said in its record."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.made.phases import OPTIONS, planned_with, spec
from trainables.data.cache_folder import cache_folder
from trainables.data.hub import demo_folder, open_data
from trainables.data.seen_rows import seen_rows
from trainables.ledger.record import Record
from trainables.ledger.spec import Phase, RunSpec
from trainables.ledger.store import Store
from trainables.phases.run import run_to_end
from trainables.tasks.registry import task
from trainables.tasks.task import Split


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo, in which XQuAD has two of its English rows from SQuAD's training rows, as written there or shouted."""
    folder = tmp_path_factory.mktemp("rows")
    shutil.copytree(demo_folder(), folder, dirs_exist_ok=True)
    [train] = (folder / "rajpurkar" / "squad").glob("*/train.parquet")
    xquad = folder / "google" / "xtreme" / "XQuAD.en" / "validation.parquet"
    taken, held = pq.read_table(train).slice(0, 2).to_pylist(), pq.read_table(xquad)
    taken[1] |= {"id": "another", "question": taken[1]["question"].upper()}
    mixed = [{name: row[name] for name in held.column_names} for row in taken] + held.slice(2).to_pylist()
    pq.write_table(pa.Table.from_pylist(mixed, held.schema), xquad)
    return folder


def _run(wanted: RunSpec, rows: Path, store: Store) -> Record:
    data = dataclasses.replace(wanted.data, source="mirror", fingerprint="", train_rows=0, eval_rows=0)
    planned = planned_with(dataclasses.replace(wanted, data=data), open_data(str(rows)))
    return run_to_end(planned, "a run", store, dataclasses.replace(OPTIONS, data=str(rows)))


def _said(record: Record) -> list[str]:
    return [note for note in record.notes if "rows are" in note]


def test_rows_of_a_stage_before_count_as_those_of_the_run(rows, store):
    parent = _run(spec(Phase.INTERMEDIATE, "squad", epochs=0.02), rows, store)
    assert _said(parent) == []
    child = _run(spec(Phase.TARGET, "tydiqa", parent=parent.run_id, epochs=0.02), rows, store)
    assert _said(child) == []
    child = _run(spec(Phase.TARGET, "xquad", parent=parent.run_id, epochs=0.02), rows, store)
    [total] = {use.rows for use in child.data_use if use.config == "XQuAD.en"}
    assert _said(child) == [
        f"xquad test in en: 2 of {total} rows are train rows of {name} (1 by id, 2 by text)"
        for name in ("xquad", "squad")  # its own training first: the same questions
    ]


def test_what_is_kept_is_what_is_read_and_damage_is_made_anew(rows):
    data, squad = open_data(str(rows)), task("squad")
    for limit in (0, 5):
        read = seen_rows(squad, Split.TRAIN, {"en": limit}, data)
        again = seen_rows(squad, Split.TRAIN, {"en": limit}, data)
        assert (read._ids, read._texts) == (again._ids, again._texts)
        assert len(read._texts) == 5 or not limit
    kept = list((cache_folder() / "rows").glob("*.npy"))
    assert kept
    for path in kept:
        path.write_bytes(path.read_bytes()[:-1])
    assert len(seen_rows(squad, Split.TRAIN, {"en": 5}, data)._texts) == 5

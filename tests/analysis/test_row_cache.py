"""Kept scores by row: what is not exactly what would be computed is computed again."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow.parquet as pq
import pytest

from analysis.statistics import row_cache, rows
from analysis.statistics.rows import RowReader, RowsError, read_rows
from tests.made.races import finish, made_record
from tests.made.records import target_spec
from trainables.ledger.digests import digests
from trainables.ledger.inspection import Condition, inspect
from trainables.ledger.store import Store

TARGETS = ("xnli", "panx", "mlqa", "bucc")


def kept(store, spec, target, split="dev"):
    return store.root / "cache" / "rows" / spec.run_id / f"{target}-{split}.rows"


def same(one, other):
    assert (one.keys, one.items, one.sparse) == (other.keys, other.items, other.sparse)
    assert one.scores.dtype == other.scores.dtype
    assert np.array_equal(one.scores, other.scores)


@pytest.fixture
def computed(monkeypatch):
    """Names of the targets whose predictions were read."""
    found = []
    read = rows._predictions
    monkeypatch.setattr(rows, "_predictions", lambda store, of: found.append(of.target) or read(store, of))
    return found


@pytest.fixture(params=TARGETS)
def run(request, store):
    """A run with digests, as every new one has."""
    spec = target_spec(request.param)
    record = made_record(store, spec, 0.7, rows=11)
    folder = store.root / "runs" / spec.run_id
    store.finish(dataclasses.replace(record, files=digests(folder / "predictions")))
    return spec, request.param


def test_what_was_computed_once_is_read_from_then_on(store, run, computed):
    spec, target = run
    first = read_rows(store, spec.run_id, target)
    written = kept(store, spec, target).read_bytes()
    same(read_rows(Store(store.root), spec.run_id, target), first)
    assert computed == [target]
    kept(store, spec, target).unlink()
    same(read_rows(store, spec.run_id, target), first)
    assert computed == [target, target]
    assert kept(store, spec, target).read_bytes() == written


def test_any_changed_byte_makes_it_void(store, run, computed):
    spec, target = run
    first = read_rows(store, spec.run_id, target)
    path = kept(store, spec, target)
    whole = path.read_bytes()
    places = range(0, len(whole), max(1, len(whole) // 40))
    damaged = [whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :] for place in places]
    for content in (*damaged, b"", whole[:100], whole + b"0", b"PK\x05\x06" + bytes(18)):
        path.write_bytes(content)
        computed.clear()
        same(read_rows(store, spec.run_id, target), first)
        assert computed == [target]
        assert path.read_bytes() == whole


def test_another_version_of_the_rules_and_the_rows_of_another_run_count_as_none(store, run, computed, monkeypatch):
    spec, target = run
    other = target_spec(target, seed=7)
    finish(store, other, 0.2, rows=11)
    first, second = (read_rows(store, each.run_id, target) for each in (spec, other))
    kept(store, other, target).write_bytes(kept(store, spec, target).read_bytes())
    same(read_rows(store, other.run_id, target), second)
    computed.clear()
    monkeypatch.setattr(row_cache, "VERSION", row_cache.VERSION + 1)
    same(read_rows(store, spec.run_id, target), first)
    assert computed == [target]


def test_rows_are_those_of_the_predictions_though_the_run_was_computed_again(store, run):
    spec, target = run
    first = read_rows(store, spec.run_id, target)
    store.recompute(spec.run_id)
    finish(store, spec, 0.7, rows=13)
    again = read_rows(store, spec.run_id, target)
    assert len(again.keys) > len(first.keys)


def test_predictions_of_a_record_without_digests_are_known_by_their_own(store):
    spec = target_spec("udpos")
    finish(store, spec, 0.7, rows=9)
    read_rows(store, spec.run_id, "udpos")
    path = store.root / "runs" / spec.run_id / "predictions" / "udpos.parquet"
    pq.write_table(pq.read_table(path).slice(5), path)
    with pytest.raises(RowsError, match="its predictions give"):
        read_rows(store, spec.run_id, "udpos")


def test_a_store_that_cannot_be_written_gives_the_same_rows(store, run):
    spec, target = run
    first = read_rows(store, spec.run_id, target)
    for path in sorted((store.root / "cache").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (store.root / "cache").rmdir()
    (store.root / "cache").write_text("no folder can be made here")
    same(read_rows(store, spec.run_id, target), first)


def test_runs_on_the_same_rows_share_them_also_when_they_are_kept(store):
    specs = [target_spec("panx", seed=seed) for seed in (1, 2)]
    for spec in specs:
        finish(store, spec, 0.7, rows=5)
    for reader in (RowReader(store), RowReader(store)):
        first, second = (reader(spec.run_id, "panx") for spec in specs)
        assert first.keys is second.keys
        assert first.items is second.items


def test_an_inspection_of_the_store_passes_over_them(store, run):
    spec, target = run
    before = [each.what for each in inspect(store)]
    read_rows(store, spec.run_id, target)
    assert [each.what for each in inspect(store)] == before
    assert {each.condition for each in inspect(store)} == {Condition.SOUND}

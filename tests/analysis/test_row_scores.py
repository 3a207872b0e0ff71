"""Scores by row: their mean is the recorded score, and translations of one sentence are one item."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow.parquet as pq
import pytest

from analysis.scores.load import load, score_table
from analysis.selection.averages import mean, task_scores
from analysis.statistics.rows import RowReader, RowsError, points_of, read_rows
from tests.made.races import finish
from tests.made.records import DATA, target_spec
from trainables.tasks.registry import targets, task
from trainables.tasks.task import Split


def recorded(store, run_id, target):
    [score] = [
        score
        for (cell, split), score in task_scores(score_table(load(store, [run_id]))).items()
        if (cell.target, split) == (target, task(target).selection_split)
    ]
    return score


@pytest.mark.parametrize("target", [found.name for found in targets()])
def test_the_mean_of_the_points_is_the_recorded_score(store, target):
    specs = [target_spec(target, seed=seed) for seed in (1, 2)]
    for spec, quality in zip(specs, (0.8, 0.4), strict=True):
        finish(store, spec, quality, rows=23)
    found = points_of({"good": [read_rows(store, specs[0].run_id, target)],
                       "bad": [read_rows(store, specs[1].run_id, target)]})  # fmt: skip
    good, bad = (recorded(store, spec.run_id, target) for spec in specs)
    assert found["good"].mean() == pytest.approx(mean(good.metrics.values()), abs=1e-6)
    assert found["bad"].mean() == pytest.approx(mean(bad.metrics.values()), abs=1e-6)
    assert found["good"].mean() > found["bad"].mean() + 5
    assert found["good"].shape == found["bad"].shape


@pytest.mark.parametrize(
    ("target", "source", "items"),
    [
        ("xnli", "hub", 23), ("pawsx", "hub", 23), ("xquad", "hub", 23), ("mlqa", "hub", 23),
        ("tydiqa", "hub", 9 * 23), ("tatoeba", "hub", 36 * 23), ("panx", "hub", 40 * 23),
        ("tatoeba", "demo", 23), ("panx", "demo", 23), ("tydiqa", "demo", 23),
    ],
)  # fmt: skip
def test_translations_of_one_sentence_are_one_item(store, target, source, items):
    spec = target_spec(target, data=dataclasses.replace(DATA, source=source))
    finish(store, spec, 0.7, rows=23)
    assert points_of({"a": [read_rows(store, spec.run_id, target)]})["a"].shape == (1, items)


@pytest.mark.parametrize("target", ["xnli", "pawsx", "mlqa", "xquad", "panx", "bucc"])
def test_test_rows_are_read_when_they_are_asked_for(store, target):
    spec = target_spec(target)
    finish(store, spec, 0.6, rows=19)
    read = RowReader(store)
    rows = read(spec.run_id, target, Split.TEST)
    [score] = [
        score
        for (cell, split), score in task_scores(score_table(load(store))).items()
        if (cell.target, split) == (target, Split.TEST)
    ]
    assert points_of({"a": [rows]})["a"].mean() == pytest.approx(score.value, abs=1e-6)
    by_default = read(spec.run_id, target)
    is_one_set = task(target).selection_split is Split.TEST
    assert (rows is by_default) == is_one_set
    assert (rows.keys == by_default.keys) == (is_one_set or target == "mlqa" or target == "xquad")


def test_bucc_is_compared_on_the_rows_of_all_runs(store):
    """Rows that a run found nothing in are left out of its file; for it they count nothing."""
    specs = [target_spec("bucc", seed=seed) for seed in (1, 2)]
    for spec, quality in zip(specs, (0.9, 0.3), strict=True):
        finish(store, spec, quality, rows=30)
    rows = [read_rows(store, spec.run_id, "bucc") for spec in specs]
    assert set(rows[0].keys) != set(rows[1].keys)
    found = points_of({"a": rows[:1], "b": rows[1:]})
    assert found["a"].shape[1] == len({*rows[0].keys, *rows[1].keys})


def test_a_reader_shares_what_runs_have_in_common(store):
    specs = [target_spec("xnli", seed=seed) for seed in (1, 2)]
    for spec in specs:
        finish(store, spec, 0.7)
    read = RowReader(store)
    first, second = (read(spec.run_id, "xnli") for spec in specs)
    assert first.keys is second.keys
    assert read(specs[0].run_id, "xnli") is first
    assert not np.array_equal(first.scores, second.scores)


def test_runs_on_other_rows_are_not_compared(store):
    specs = [target_spec("xnli", seed=seed) for seed in (1, 2)]
    for spec, rows in zip(specs, (20, 21), strict=True):
        finish(store, spec, 0.7, rows=rows)
    rows = [read_rows(store, spec.run_id, "xnli") for spec in specs]
    with pytest.raises(RowsError, match="qqp was measured on other rows than none"):
        points_of({"none": rows[:1], "qqp": rows[1:]})


def test_predictions_that_do_not_give_the_recorded_score_are_refused(store):
    spec = target_spec("udpos")
    finish(store, spec, 0.7)
    path = store.fetch(spec.run_id, "predictions/udpos.parquet")
    (path.parent / "panx.parquet").write_bytes(path.read_bytes())
    with pytest.raises(RowsError, match="not measured on panx"):
        read_rows(store, spec.run_id, "panx")
    pq.write_table(pq.read_table(path).slice(5), path)
    with pytest.raises(RowsError, match=r"recorded .* on udpos, its predictions give"):
        read_rows(store, spec.run_id, "udpos")
    path.unlink()
    with pytest.raises(RowsError, match=r"left no predictions/udpos\.parquet"):
        read_rows(store, spec.run_id, "udpos")

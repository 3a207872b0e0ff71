"""Scores and gains by language and by group of languages, each with its interval."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.selection.averages import mean
from analysis.selection.sweep import gather
from analysis.statistics.breakdown import group_gains, language_scores
from analysis.statistics.measured import measure
from tests.made.tables import NONE, PLAN, QQP, SEEDS, SQUAD, TARGETS, fill_table, part_of_plan
from trainables.ledger.cells import Cell
from trainables.ledger.store import Store
from trainables.tasks.registry import task


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return fill_table(Store(tmp_path_factory.mktemp("made") / "store").prepare())


@pytest.fixture(scope="module")
def measured(made):
    return measure(made, gather(made, PLAN))


def recorded(measured, row, target, language):
    """Score of one language, mean over metrics and seeds."""
    split = task(target).selection_split
    by_seed = [measured.results.cells[Cell(*row, target, seed), split].languages[language] for seed in SEEDS]
    return mean(mean(by_metric[name] for name in task(target).metrics) for by_metric in by_seed)


@pytest.mark.parametrize("target", TARGETS)
def test_scores_by_language_are_the_recorded_ones(measured, target):
    found = language_scores(measured, target)
    languages = task(target).languages[task(target).selection_split]
    assert set(found) == {(row, language) for row in (NONE, SQUAD, QQP) for language in languages}
    for (row, language), estimate in found.items():
        assert estimate.value == pytest.approx(recorded(measured, row, target, language), abs=1e-6)
        assert 0 <= estimate.low < estimate.value < estimate.high <= 100
        assert (estimate.seeds, estimate.over_seeds) == (3, True)


def test_a_gain_of_a_group_is_the_mean_over_targets_of_the_mean_over_its_languages_there(measured):
    groups = {"Germanic": ("en", "de", "nl"), "Sino-Tibetan": ("zh",), "Uralic": ("fi", "hu")}
    found = group_gains(measured, groups, TARGETS)
    by_target = {
        "pawsx": ("en", "de"), "xquad": ("en", "de"), "mlqa": ("en", "de"), "bucc": ("de",)
    }  # fmt: skip
    for row in (SQUAD, QQP):
        gains = [
            np.mean([recorded(measured, row, t, lang) - recorded(measured, NONE, t, lang) for lang in languages])
            for t, languages in by_target.items()
        ]
        assert found[row, "Germanic"].value == pytest.approx(np.mean(gains), abs=1e-6)
    assert {group for _, group in found} == {"Germanic", "Sino-Tibetan"}


def test_a_group_of_one_target_and_all_its_languages_is_the_gain_of_the_cell(measured):
    column = measured.column("mlqa")
    found = group_gains(measured, {"all": column.languages}, ["mlqa"])
    cell = column.difference(SQUAD, NONE)
    group = found[SQUAD, "all"]
    assert (group.value, group.low, group.high) == pytest.approx((cell.value, cell.low, cell.high))


def test_rows_that_cannot_be_read_are_left_out(tmp_path):
    store = fill_table(Store(tmp_path / "store").prepare())
    store.fetch(PLAN.cells[Cell(*QQP, "mlqa", 2)], "predictions/mlqa.parquet").unlink()
    own = measure(store, gather(store, PLAN))
    assert {row for row, _ in language_scores(own, "mlqa")} == {NONE, SQUAD}
    assert {row for row, _ in group_gains(own, {"English": ("en",)}, ["mlqa", "pawsx"])} == {SQUAD}


def test_without_baseline_there_are_scores_and_no_gains(made):
    own = measure(made, gather(made, part_of_plan(rows=(SQUAD, QQP))))
    assert language_scores(own, "mlqa")
    assert not group_gains(own, {"English": ("en",)}, TARGETS)

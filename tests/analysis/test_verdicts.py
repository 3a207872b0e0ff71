"""Verdicts of a table: words, families, power, what is compared with what, and reasons where nothing can be."""

from __future__ import annotations

import math
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from analysis.selection.averages import Gap
from analysis.selection.opening import closed
from analysis.selection.sweep import gather
from analysis.statistics.estimate import Estimate, NoVerdict, Verdict, Word
from analysis.statistics.measured import measure
from analysis.statistics.multiplicity import holm
from analysis.statistics.power import detectable, seeds_needed
from analysis.statistics.rows import RowReader
from analysis.statistics.verdicts import judged, verdicts
from sweep.graph.node import Run
from tests.made.races import compute, finish, grid
from tests.made.tables import NONE, PLAN, QQP, QUALITY, SEEDS, SQUAD, TARGETS, fill_table, part_of_plan
from trainables.ledger.cells import Cell
from trainables.ledger.states import State
from trainables.ledger.store import Store
from trainables.tasks.registry import task
from trainables.tasks.task import Split


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A store with the whole of PLAN, to be looked at."""
    return fill_table(Store(tmp_path_factory.mktemp("made") / "store").prepare())


@pytest.fixture
def own(made, tmp_path):
    """The same, to be changed."""
    return Store(shutil.copytree(made.root, tmp_path / "own"))


@pytest.fixture(scope="module")
def found(made):
    return verdicts_of(made)


def verdicts_of(store, plan=PLAN, **changes):
    sweep = gather(store, plan)
    return verdicts(measure(store, sweep), sweep.selections, **changes)


def run_of(row, target, seed):
    return PLAN.cells[Cell(*row, target, seed)]


def estimate(value, error=1.0, freedom=50.0, **changes):
    p = 2 * stats.t.sf(abs(value) / error, freedom)
    return replace(
        Estimate(
            value=value, low=value - 2 * error, high=value + 2 * error, error=error, freedom=freedom, p=p, rows=100,
            items=100, seeds=2, over_seeds=True, row_variance=error**2 - 0.1, seed_variance=0.1,
        ),
        **changes,
    )  # fmt: skip


class TestWords:
    def test_p_values_are_adjusted_over_the_family(self):
        found = judged([estimate(-2.3), NoVerdict(reason="no run"), estimate(2.6), estimate(0.5)], margin=0.5)
        p = [2 * stats.t.sf(value, 50) for value in (2.3, 2.6, 0.5)]
        assert [each.p for each in found if isinstance(each, Verdict)] == pytest.approx([2 * p[0], 3 * p[1], p[2]])
        assert 2 * p[0] > 0.05
        assert [getattr(each, "word", None) for each in found] == [Word.OPEN, None, Word.BETTER, Word.OPEN]
        assert found[1] == NoVerdict(reason="no run")

    def test_holm_by_hand(self):
        assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
        assert holm([0.9, 0.6]) == [1.0, 1.0]
        assert holm([]) == []

    def test_holm_is_that_of_statsmodels(self):
        p = (np.random.default_rng(1).random(170) ** 4).tolist()
        assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])

    def test_equivalent_is_shown_by_two_one_sided_tests(self):
        [inside, outside] = judged([estimate(0.1, 0.1), estimate(0.3, 0.2)], margin=0.5)
        p = stats.t.cdf((0.1 - 0.5) / 0.1, 50), stats.t.cdf((0.3 - 0.5) / 0.2, 50)
        assert (inside.word, outside.word) == (Word.EQUIVALENT, Word.OPEN)
        assert (inside.p_equivalent, outside.p_equivalent) == pytest.approx((2 * p[0], p[1]))

    def test_a_difference_that_is_shown_within_the_margin_is_better_or_worse(self):
        [found] = judged([estimate(-0.3, 0.05)], margin=0.5)
        assert found.p_equivalent < 0.01
        assert found.word is Word.WORSE

    @pytest.mark.parametrize("margin", [-0.1, math.nan, math.inf])
    def test_a_margin_is_a_number_of_points(self, made, margin):
        with pytest.raises(ValueError, match="from 0 up, got"):
            verdicts_of(made, margin=margin)


class TestPower:
    @pytest.mark.parametrize("freedom", [8.0, 30.0, 300.0])
    def test_a_detectable_difference_is_found_four_times_out_of_five(self, freedom):
        least = detectable(estimate(0.0, 1.3, freedom))
        limit = stats.t.ppf(0.975, freedom)
        assert stats.nct.sf(limit, freedom, least / 1.3) == pytest.approx(0.8, abs=0.02)

    def test_seeds_needed_are_the_fewest_that_would_do(self):
        given = estimate(1.5, math.sqrt(0.1 + 1.2), 40.0, row_variance=0.1, seed_variance=1.2)
        factor = stats.t.ppf(0.975, 40) + stats.t.ppf(0.8, 40)
        fewest = next(s for s in range(1, 100) if factor * math.sqrt(0.1 + 2 * 1.2 / s) <= 1.5)
        assert seeds_needed(given) == fewest == 14

    def test_none_where_no_number_of_seeds_would_do_or_their_variance_is_unknown(self):
        assert seeds_needed(estimate(1.5, row_variance=0.3)) is None
        assert seeds_needed(estimate(0.0)) is None
        assert seeds_needed(estimate(9.0, over_seeds=False, seed_variance=math.nan)) is None

    def test_never_fewer_than_there_are(self):
        assert seeds_needed(estimate(30.0)) == 2


class TestTable:
    def test_every_row_but_the_baseline_has_a_verdict_in_every_cell(self, found):
        assert set(found.cells) == {(row, target) for row in (SQUAD, QQP) for target in TARGETS}
        assert all(isinstance(each, Verdict) for each in found.cells.values())
        assert (found.family, found.seeds, found.margin) == (10, 3, 0.5)

    def test_values_are_the_differences_of_the_table(self, made, found):
        results = gather(made, PLAN).results
        for (row, target), each in found.cells.items():
            shown = results.dev(row, target).value - results.dev(NONE, target).value
            assert each.estimate.value == pytest.approx(shown, abs=1e-6)
        for row, each in found.averages.items():
            shown = results.dev_average(row) - results.dev_average(NONE)
            assert each.estimate.value == pytest.approx(shown, abs=1e-6)

    def test_the_better_is_better_and_the_equal_is_open(self, found):
        assert {found.cells[SQUAD, target].word for target in TARGETS} == {Word.BETTER}
        assert {found.cells[QQP, target].word for target in TARGETS} <= {Word.OPEN, Word.EQUIVALENT}
        assert found.averages[SQUAD].word is Word.BETTER

    def test_holm_is_over_cells_and_averages(self, found):
        every = [*found.cells.values(), *found.averages.values()]
        assert [each.p for each in every] == pytest.approx(holm([each.estimate.p for each in every]))

    def test_rows_of_an_average_are_strata_and_its_runs_are_paired_by_seed(self, made, found):
        results = gather(made, PLAN).results
        parts = [found.cells[SQUAD, target].estimate for target in TARGETS]
        average = found.averages[SQUAD].estimate
        assert average.row_variance == pytest.approx(sum(part.row_variance for part in parts) / 16)
        assert (average.rows, average.items) == (sum(p.rows for p in parts), sum(p.items for p in parts))
        by_seed = [
            [np.mean([results.seeds_of(row, t, task(t).selection_split)[s].value for t in TARGETS]) for s in SEEDS]
            for row in (NONE, SQUAD, QQP)
        ]
        assert average.seed_variance <= np.mean(np.var(by_seed, axis=1, ddof=1))

    def test_test_scores_are_a_family_of_those_that_are_open_and_have_two_sets(self, found):
        assert set(found.tests) == {"pawsx", "mlqa", "bucc"}
        assert {each.word for each in found.tests.values()} == {Word.BETTER}
        every = list(found.tests.values())
        assert [each.p for each in every] == pytest.approx(holm([each.estimate.p for each in every]))

    def test_the_same_store_gives_the_same_verdicts(self, made, found):
        assert verdicts_of(made) == found


class TestClosedScores:
    @staticmethod
    def splits_read(monkeypatch):
        read, seen = RowReader.__call__, []

        def noted(self, run_id, target, split=None):
            seen.append((run_id, target, split or task(target).selection_split))
            return read(self, run_id, target, split)

        monkeypatch.setattr(RowReader, "__call__", noted)
        return seen

    def test_only_the_selected_row_and_the_baseline_are_read_on_test(self, made, monkeypatch):
        seen = self.splits_read(monkeypatch)
        verdicts_of(made)
        test_runs = {run for run, target, split in seen if split is Split.TEST and target in ("pawsx", "mlqa", "bucc")}
        assert test_runs == {
            run_of(row, t, s) for row in (NONE, SQUAD) for t in ("pawsx", "mlqa", "bucc") for s in SEEDS
        }

    def test_no_test_rows_are_read_while_scores_are_closed(self, made, monkeypatch):
        seen = self.splits_read(monkeypatch)
        sweep = gather(made, PLAN)
        found = verdicts(measure(made, sweep), closed(sweep.selections, "not noted"))
        assert not found.tests
        assert {(target, split) for _, target, split in seen} == {(t, task(t).selection_split) for t in TARGETS}


class TestSeparations:
    def test_a_clear_winner_has_no_rival(self, found):
        assert found.separations["mlqa"].variant == SQUAD
        assert found.separations["mlqa"].compared == 2
        assert not found.separations["mlqa"].rivals

    def test_rivals_are_those_not_shown_to_be_worse_nearest_first(self, made):
        found = verdicts_of(made, part_of_plan(rows=(NONE, QQP)))
        assert any(each.rivals for each in found.separations.values())
        for target, each in found.separations.items():
            gain = found.cells[QQP, target].estimate
            best, other = (QQP, NONE) if gain.value > 0 else (NONE, QQP)
            assert (each.variant, each.compared) == (best, 1)
            assert [rival.variant for rival in each.rivals] == [other] * (gain.p > 0.05)
            for rival in each.rivals:
                assert rival.behind.value == pytest.approx(abs(gain.value))
                assert rival.p == pytest.approx(gain.p)

    def test_alone_it_is_not_compared(self, made):
        found = verdicts_of(made, part_of_plan(rows=(NONE,)))
        assert {each.reason for each in found.separations.values()} == {"there is no other candidate"}
        assert not found.cells
        assert found.family == 0


class TestSeeds:
    def test_one_seed_is_over_rows_alone(self, made):
        found = verdicts_of(made, part_of_plan(seeds=(1,)))
        every = [*found.cells.values(), *found.averages.values(), *found.tests.values()]
        assert found.seeds == 1
        assert not any(each.estimate.over_seeds for each in every)
        assert {each.seeds_needed for each in every} == {None}

    def test_a_row_that_a_race_has_cut_short_is_compared_on_common_seeds(self, made):
        sweep = gather(made, PLAN)
        dropped = {
            (Cell(*QQP, "mlqa", seed), split): Gap(reason="dropped", state=State.DROPPED)
            for seed in (2, 3)
            for split in (Split.DEV, Split.TEST)
        }
        results = replace(sweep.results, cells={**sweep.results.cells, **dropped})
        found = verdicts(measure(made, replace(sweep, results=results)), sweep.selections)
        cut = found.cells[QQP, "mlqa"].estimate
        one = verdicts_of(made, part_of_plan(seeds=(1,))).cells[QQP, "mlqa"].estimate
        assert cut.value == pytest.approx(one.value)
        assert (cut.seeds, cut.over_seeds) == (1, True)
        assert cut.seed_variance >= 0
        assert found.averages[QQP].estimate.value == pytest.approx(
            results.dev_average(QQP) - results.average_beside(NONE, QQP), abs=1e-6
        )


class TestReasons:
    def test_without_predictions(self, own):
        for seed in SEEDS:
            own.fetch(run_of(SQUAD, "pawsx", seed), "predictions/pawsx.parquet").unlink()
        found = verdicts_of(own)
        assert "predictions/pawsx.parquet" in found.cells[SQUAD, "pawsx"].reason
        assert found.averages[SQUAD].reason.startswith("PAWS-X: ")
        assert isinstance(found.cells[QQP, "pawsx"], Verdict)
        assert isinstance(found.cells[SQUAD, "mlqa"], Verdict)
        assert found.family == 8

    def test_predictions_that_do_not_match_their_record(self, own):
        path = own.fetch(run_of(NONE, "xquad", 2), "predictions/xquad.parquet")
        path.chmod(0o644)
        pq.write_table(pq.read_table(path).slice(9), path)
        found = verdicts_of(own)
        reasons = {found.cells[row, "xquad"].reason for row in (SQUAD, QQP)}
        assert len(reasons) == 1
        assert "the baseline cannot be compared: " in reasons.pop()
        assert all(isinstance(each, NoVerdict) for each in found.averages.values())

    def test_a_cell_that_lacks_languages(self, made):
        sweep = gather(made, PLAN)
        gap = {(Cell(*QQP, "pawsx", 2), Split.DEV): Gap(reason="2 of 7 languages missing: de, fr")}
        results = replace(sweep.results, cells={**sweep.results.cells, **gap})
        found = verdicts(measure(made, replace(sweep, results=results)), sweep.selections)
        assert found.cells[QQP, "pawsx"] == NoVerdict(reason="seed 2: 2 of 7 languages missing: de, fr")
        assert found.averages[QQP] == NoVerdict(reason="PAWS-X: seed 2: 2 of 7 languages missing: de, fr")

    def test_without_baseline(self, made):
        found = verdicts_of(made, part_of_plan(rows=(SQUAD, QQP)))
        every = [*found.cells.values(), *found.averages.values(), *found.tests.values()]
        assert len(every) == 8 + 2 + 3
        assert {each.reason for each in every} == {"the table has no baseline to compare with"}
        assert found.separations["mlqa"].compared == 1

    def test_runs_on_other_rows(self, made, tmp_path):
        store = Store(tmp_path / "other").prepare()
        plan = grid(("none", "squad"), (("pawsx",),), (1,))
        for node in plan.nodes.values():
            if node.name == "squad -> pawsx #1":
                finish(store, node.spec, 0.8, name=node.name, rows=30)
            else:
                compute(store, Run(run_id=node.spec.run_id, name=node.name, spec=node.spec), QUALITY)
        found = verdicts_of(store, plan)
        assert found.cells[SQUAD, "pawsx"] == NoVerdict(reason="SQuAD was measured on other rows than baseline")


def test_modules_that_only_name_verdicts_load_neither_statsmodels_nor_scipy():
    program = (
        "import sys, analysis.statistics.verdicts, analysis.statistics.breakdown\n"
        "assert not {'statsmodels', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)

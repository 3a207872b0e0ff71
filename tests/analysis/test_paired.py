"""Paired intervals: by hand, against exact tests, scipy's bootstrap and permutation test, and other libraries."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from analysis.statistics.influence import Profile, layout, profile
from analysis.statistics.interval import Between, between_runs, difference_spread, score_spread
from analysis.statistics.paired import between, difference, difference_of, score_estimate
from analysis.statistics.rows import Rows, RowsError
from tests.made.row_scores import answers, right_or_wrong, rows_of, translated


def bonett_price(only_first: int, only_second: int, rows: int) -> float:
    """Half width of the adjusted Wald interval, points; normal quantile."""
    first, second = (only_first + 1) / (rows + 2), (only_second + 1) / (rows + 2)
    return 100 * 1.959964 * np.sqrt((first + second - (first - second) ** 2) / (rows + 2))


def chunk_counts(generator, rates, items, languages):
    """Counts [C, L, 3] for each rate; items are hard in all languages, and for all runs."""
    gold = generator.integers(1, 5, (items, languages))
    hard = generator.normal(0, 0.8, (items, 1))
    made = []
    for rate in rates:
        own = hard + generator.normal(0, 0.4, (items, 1))
        right = generator.binomial(gold, 1 / (1 + np.exp(-own - rate)))
        made.append(np.stack([right, gold, right + generator.binomial(gold - right, 0.6)], axis=-1))
    return made


def f1(counts):
    """Mean over the languages of F1 in percent, of counts [C, L, 3]."""
    right, gold, found = counts.sum(axis=0).T
    return float((200 * right / (gold + found)).mean())


def by_bootstrap(statistic, items: int, seed: int) -> tuple[float, float]:
    """Percentile interval of a statistic of the resampled numbers of the items."""
    found = stats.bootstrap(
        (np.arange(items),), statistic, vectorized=False, method="percentile", n_resamples=3000,
        rng=np.random.default_rng(seed),
    )  # fmt: skip
    return found.confidence_interval.low, found.confidence_interval.high


class TestRightOrWrong:
    @pytest.mark.parametrize(("better", "worse"), [(40, 20), (60, 55), (90, 30)])
    def test_the_interval_is_that_of_bonett_and_price(self, better, worse):
        found = difference(*([rows] for rows in answers(300, better, worse, 140)))
        rows = 440 + better + worse
        assert found.value == pytest.approx(100 * (better - worse) / rows)
        assert (found.high - found.low) / 2 == pytest.approx(bonett_price(better, worse, rows), rel=0.01)

    @pytest.mark.parametrize(("better", "worse"), [(6, 0), (9, 1), (14, 4), (40, 20), (120, 80)])
    def test_p_is_that_of_mcnemars_exact_test_and_no_laxer_where_few_rows_differ(self, better, worse):
        found = difference(*([rows] for rows in answers(300, better, worse, 140)))
        exact = stats.binomtest(better, better + worse).pvalue
        assert 0.8 * exact < found.p < 2.5 * exact + 0.02

    def test_no_difference_at_all_leaves_an_interval(self):
        found = difference(*([rows] for rows in answers(50, 0, 0, 10)))
        assert (found.value, found.p) == (0.0, 1.0)
        assert found.high == -found.low == pytest.approx(100 * stats.t.ppf(0.975, 6) * np.sqrt(2) / 60)

    def test_errors_of_rounding_are_no_difference(self):
        generator = np.random.default_rng(13)
        runs = [rows_of(generator.random(60)) for _ in range(3)]
        found = difference(runs, [runs[2], runs[0], runs[1]])
        assert found.row_variance == pytest.approx(2 * (100 / 60) ** 2)

    def test_the_interval_ends_at_a_hundred(self):
        found = difference([rows_of(np.ones(20))], [rows_of(np.zeros(20))])
        assert (found.value, found.high) == (100.0, 100.0)
        assert 70 < found.low < 95


class TestByHand:
    def test_languages_are_strata_of_equal_weight(self):
        rows = rows_of([1.0, 0, 0, 0, 0, 1.0], ["en"] * 4 + ["sw"] * 2)
        found = score_estimate([rows])
        # Variance of a mean: 0.25 / 4 in English, 0.5 / 2 in Swahili; a quarter of their sum.
        assert found.value == pytest.approx(100 * (0.25 + 0.5) / 2)
        assert found.row_variance == pytest.approx(1e4 * (0.25 / 4 + 0.5 / 2) / 4)
        assert (found.rows, found.items, found.seeds, found.over_seeds) == (6, 6, 1, False)

    def test_translations_of_one_sentence_are_one_item(self):
        values = np.array([[1.0, 1.0], [0.0, 1.0], [0.0, 0.0]])
        found = score_estimate([translated(values)])
        means = values.mean(axis=1)
        assert found.items == 3
        assert found.row_variance == pytest.approx(1e4 * means.var(ddof=1) / 3)

    def test_copies_of_a_language_add_nothing(self):
        generator = np.random.default_rng(1)
        first, second = (generator.random((80, 1)) for _ in range(2))
        once = difference([translated(first)], [translated(second)])
        thrice = difference([translated(np.tile(first, 3))], [translated(np.tile(second, 3))])
        assert (thrice.low, thrice.high, thrice.p) == pytest.approx((once.low, once.high, once.p))

    def test_some_languages_alone_are_as_if_there_were_no_others(self):
        generator = np.random.default_rng(2)
        sides = [generator.random((40, 3)) for _ in range(2)]
        part = difference(*([translated(side)] for side in sides), languages=["l0", "l1"])
        alone = difference(*([translated(side[:, :2])] for side in sides))
        assert part == alone or (part.low, part.high, part.p) == pytest.approx((alone.low, alone.high, alone.p))

    def test_f1_is_linearised(self):
        counts = np.array([[2, 3, 2], [0, 1, 1], [1, 2, 3], [2, 2, 2]])
        found = score_estimate([rows_of(counts)])
        share = 2 * 5 / 16
        influence = [(2 * r - share * (g + f)) / 16 for r, g, f in counts]
        assert found.value == pytest.approx(100 * share)
        assert found.row_variance == pytest.approx(1e4 * sum(i**2 for i in influence) * 4 / 3)

    def test_rows_that_no_run_found_anything_in_may_be_left_out(self):
        kept = rows_of([[1, 1, 1], [0, 1, 0], [0, 0, 1]])
        other = rows_of([[1, 1, 1], [1, 1, 1]])
        sparse = [Rows(keys=r.keys, items=r.keys, scores=r.scores, sparse=True) for r in (kept, other)]
        found = difference(sparse[:1], sparse[1:])
        assert found.value == pytest.approx(100 * (2 / 4 - 1))
        assert found.rows == 3


class TestScores:
    @pytest.mark.parametrize(("right", "tolerance"), [(3, 0.2), (150, 0.02), (290, 0.06)])
    def test_of_right_or_wrong_has_the_interval_of_wilson(self, right, tolerance):
        """Up to Student's t, which is wider where few rows make up the variance."""
        found = score_estimate([rows_of(np.repeat([1.0, 0.0], [right, 300 - right]))])
        low, high = proportion_confint(right, 300, method="wilson")
        assert 0 <= (found.high - found.low) / (100 * (high - low)) - 1 < tolerance
        assert found.low == pytest.approx(100 * low, rel=0.2)

    def test_of_a_hundred_has_an_interval(self):
        found = score_estimate([rows_of(np.ones(50))])
        squared = stats.t.ppf(0.975, 49) ** 2
        assert (found.value, found.high) == (100.0, pytest.approx(100.0))
        assert found.low == pytest.approx(100 / (1 + squared / 50))


class TestAgainstScipy:
    def test_bootstrap_of_translated_items_accuracy(self):
        sides = right_or_wrong(np.random.default_rng(3), (0.72, 0.66), 250, 4)
        first, second = (np.reshape(side.scores, (4, 250)) for side in sides)
        low, high = by_bootstrap(lambda chosen: 100 * (first[:, chosen].mean() - second[:, chosen].mean()), 250, 4)
        found = difference(sides[:1], sides[1:])
        assert found.high - found.low == pytest.approx(high - low, rel=0.06)
        assert (found.low, found.high) == pytest.approx((low, high), abs=0.1 * (high - low))

    def test_bootstrap_of_translated_items_chunk_f1(self):
        sides = chunk_counts(np.random.default_rng(5), (1.2, 0.9), 200, 3)
        low, high = by_bootstrap(lambda chosen: f1(sides[0][chosen]) - f1(sides[1][chosen]), 200, 6)
        found = difference(*([translated(side)] for side in sides))
        assert found.value == pytest.approx(f1(sides[0]) - f1(sides[1]))
        assert found.high - found.low == pytest.approx(high - low, rel=0.06)
        assert (found.low, found.high) == pytest.approx((low, high), abs=0.1 * (high - low))

    def test_bootstrap_of_a_single_score(self):
        [side] = chunk_counts(np.random.default_rng(7), (1.0,), 200, 3)
        low, high = by_bootstrap(lambda chosen: f1(side[chosen]), 200, 8)
        found = score_estimate([translated(side)])
        assert (found.low, found.high) == pytest.approx((low, high), abs=0.1 * (high - low))

    def test_permutation_test_that_flips_the_signs_of_items_qa(self):
        generator = np.random.default_rng(9)
        first = np.clip(generator.normal(0.6, 0.3, (150, 1)) + generator.normal(0, 0.2, (150, 3)), 0, 1)
        second = np.clip(first - 0.007 + generator.normal(0, 0.1, (150, 1)) + generator.normal(0, 0.1, (150, 3)), 0, 1)
        exact = stats.permutation_test(
            ((first - second).mean(axis=1),), np.mean, permutation_type="samples", n_resamples=20_000, rng=generator
        )
        found = difference([translated(first)], [translated(second)])
        assert 0.005 < exact.pvalue < 0.2
        assert found.p == pytest.approx(exact.pvalue, rel=0.3)

    def test_permutation_test_that_exchanges_the_items_of_two_runs_chunk_f1(self):
        generator = np.random.default_rng(10)
        sides = chunk_counts(generator, (1.23, 0.98), 150, 2)
        both = np.concatenate(sides)
        exact = stats.permutation_test(
            (np.arange(150), np.arange(150, 300)), lambda a, b: f1(both[a]) - f1(both[b]), vectorized=False,
            permutation_type="samples", n_resamples=4000, rng=generator,
        )  # fmt: skip
        found = difference(*([translated(side)] for side in sides))
        assert 0.01 < exact.pvalue < 0.4
        assert found.p == pytest.approx(exact.pvalue, rel=0.3)


class TestSeeds:
    PLACES = layout(["en", "en"], [0, 1])

    @staticmethod
    def runs(scores, influence):
        return Profile(scores=np.array(scores), influences=np.array([[influence, -influence], [-influence, influence]]))

    def test_variance_between_runs_is_what_rows_do_not_explain_pooled_over_the_table(self):
        found = between_runs([self.runs([70.0, 72.0], 0.5), self.runs([69.0, 69.0], 0.1)])
        # Squares of the runs' scores: 2 and 0; of the influences: 4 times 0.25 and 4 times 0.01.
        assert found == Between(variance=pytest.approx((2 - 1 - 0.04) / 2), of_means=1.0, freedom=2)

    def test_it_is_never_negative_and_unknown_where_every_row_has_one_run(self):
        assert between_runs([self.runs([70.0, 70.5], 0.5)]).variance == 0.0
        assert between_runs([self.runs([70.0, 72.0], 0.5).some([0])]) is None

    def test_it_counts_once_for_every_run_of_both_sides(self):
        known = Between(variance=1.5, of_means=2.0, freedom=12)
        first, second = self.runs([70.0, 72.0], 0.5), self.runs([69.0, 69.0], 0.1).some([0])
        found = difference_of(self.PLACES, first, second, known)
        rows = difference_spread(self.PLACES, -second.influences[0])
        assert found.value == 2.0
        assert found.error**2 == pytest.approx(rows.square + 1.5 * (1 / 2 + 1))
        assert found.freedom == pytest.approx(
            found.error**4 / (rows.square**2 / rows.freedom + (2.0 * (1 / 2 + 1)) ** 2 / 12)
        )
        assert found.p == pytest.approx(2 * stats.t.sf(2.0 / found.error, found.freedom))
        assert (found.seeds, found.over_seeds, found.seed_variance) == (1, True, 1.5)

    def test_one_seed_everywhere_is_said(self):
        found = difference(*([rows] for rows in answers(30, 10, 5, 5)))
        assert not found.over_seeds
        assert np.isnan(found.seed_variance)

    def test_seeds_are_averaged_row_by_row(self):
        generator = np.random.default_rng(11)
        first, second = ([rows_of(generator.integers(0, 2, 60).astype(float)) for _ in range(3)] for _ in range(2))
        found = difference(first, second, between=between([first, second]))
        averaged = [rows_of(np.mean([run.scores for run in side], axis=0)) for side in (first, second)]
        assert found.row_variance == pytest.approx(difference(*([side] for side in averaged)).row_variance)
        assert (found.seeds, found.over_seeds) == (3, True)

    def test_variance_between_runs_is_found_again(self):
        generator = np.random.default_rng(12)
        places = layout(["en"] * 400, range(400))

        def side():
            shares = 0.7 + 0.02 * generator.standard_normal((3, 1))
            return profile(places, (generator.random((3, 400)) < shares).astype(float))

        found = [between_runs([side() for _ in range(17)]).variance for _ in range(30)]
        assert np.mean(found) == pytest.approx(4.0, rel=0.15)


class TestRefusals:
    def test_runs_on_other_rows(self):
        with pytest.raises(RowsError, match="run 2 was measured on other rows than run 1"):
            difference([rows_of(np.ones(5))], [rows_of(np.ones(6))])

    def test_a_language_with_a_single_row(self):
        with pytest.raises(ValueError, match="a single row of sw shows no spread"):
            score_estimate([rows_of([1.0, 0.0, 1.0], ["en", "en", "sw"])])

    def test_a_language_that_has_no_rows(self):
        with pytest.raises(ValueError, match="no rows of th; there are en"):
            score_estimate([rows_of([1.0, 0.0])], languages=["th"])

    def test_other_shapes(self):
        with pytest.raises(ValueError, match=r"scores must be \[runs, 2\]"):
            profile(layout(["en", "en"], [0, 1]), np.ones((1, 3)))
        with pytest.raises(ValueError, match="as many items as rows"):
            layout(["en", "en"], [0])


def test_items_that_differ_equally_much_all_count_as_differing():
    places = layout(["en"] * 100, range(100))
    influences = np.tile([0.5, -0.5], 50)
    assert score_spread(places, influences).square == pytest.approx(25.0)
    assert difference_spread(places, influences).square == pytest.approx(25 + 2 * (25 + 1) / 101)

"""Racing: p-values against scipy and by hand, who can be dropped, how often noise drops an equal, clear refusals."""

import itertools

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.racing import points, standing
from benchmarks.racing import summed_up
from tests.made.rounds import paired_test, race
from trainables.ledger.race import Dropped, Guarantee, Rule


def answers(*counts):
    """0/1 scores of two runs [1, N] with (both right, only the first, only the second, none) rows."""
    first = np.repeat([1.0, 1.0, 0.0, 0.0], counts)
    second = np.repeat([1.0, 0.0, 1.0, 0.0], counts)
    return points(first[None]), points(second[None])


def noisy(generator, num_runs, num_rows=1000, right=0.8, seed_sd=0.0):
    """0/1 scores [S, N] of independent rows; runs move by `seed_sd` points."""
    shares = right + seed_sd / 100 * generator.standard_normal((num_runs, 1))
    return points((generator.random((num_runs, num_rows)) < shares).astype(float))


class TestPairedTest:
    def test_of_one_run_and_right_or_wrong_is_mcnemars_statistic(self):
        leader, contender = answers(300, 40, 20, 140)
        found = paired_test(contender, leader, seed_sd=0.0)
        assert found.difference == pytest.approx(4.0)
        assert found.p == pytest.approx(stats.t.sf(20 / np.sqrt(60), 60))
        assert found.p == pytest.approx(stats.binomtest(20, 60, alternative="less").pvalue, rel=0.2)

    @pytest.mark.parametrize(("better", "worse"), [(5, 0), (8, 0), (14, 0), (20, 4), (60, 30), (300, 200)])
    def test_is_no_laxer_than_the_exact_mcnemar_test(self, better, worse):
        leader, contender = answers(100, better, worse, 30)
        exact = stats.binomtest(worse, better + worse, alternative="less").pvalue
        assert 0.9 * exact < paired_test(contender, leader, seed_sd=0.0).p

    def test_agrees_with_the_sign_flip_permutation_test_on_answer_f1(self):
        generator = np.random.default_rng(1)
        leader = np.clip(generator.normal(0.7, 0.3, 400), 0, 1)
        contender = np.clip(leader + 0.005 + generator.normal(0, 0.12, 400), 0, 1)
        exact = stats.permutation_test(
            (leader - contender,), np.mean, permutation_type="samples", alternative="greater", rng=generator
        )
        ours = paired_test(points(contender[None]), points(leader[None]), seed_sd=0.0).p
        assert 0.01 < exact.pvalue < 0.1
        assert ours == pytest.approx(exact.pvalue, rel=0.15)

    def test_agrees_with_approximate_randomisation_on_corpus_f1(self):
        generator = np.random.default_rng(2)
        gold = generator.integers(1, 6, 600)
        sides = [np.stack([generator.binomial(gold, rate), gold, gold], axis=-1) for rate in (0.80, 0.76)]
        swapped = generator.random((4000, 600)) < 0.5
        leader, contender = (np.where(swapped[..., None], sides[1 - side], sides[side]).sum(axis=1) for side in (0, 1))
        f1 = [2 * side[:, 0] / (side[:, 1] + side[:, 2]) for side in (leader, contender)]
        observed = np.subtract(*(2 * side[:, 0].sum() / side[:, 1:].sum() for side in sides))
        randomised = (f1[0] - f1[1] >= observed).mean()
        found = paired_test(points(sides[1][None]), points(sides[0][None]), seed_sd=0.0)
        assert found.difference == pytest.approx(100 * observed)
        assert found.p == pytest.approx(randomised, rel=0.35, abs=1e-3)

    def test_runs_are_a_random_effect_beside_rows(self):
        rows = np.array([10.0, 20.0, 60.0])
        contender, leader = (
            rows + np.array([[0.0], [2.0]]),
            4 + np.array([12.0, 19.0, 59.0]) + np.array([[1.0], [-1.0]]),
        )
        found = paired_test(contender, leader, seed_sd=3.0)
        # Differences of the rows 5, 2, 2; both contenders vary by 2 between their runs, pooled with 8 times 9.
        of_rows, of_runs = (25 + 4 + 4) / 3 / 3, (8 * 9 + 2 + 2) / 10 * (1 / 2 + 1 / 2)
        freedom = (of_rows + of_runs) ** 2 / (of_rows**2 / (33 / 25) + of_runs**2 / 10)
        assert found.difference == pytest.approx(3.0)
        assert found.p == pytest.approx(stats.t.sf(3 / np.sqrt(of_rows + of_runs), freedom))

    def test_what_rows_explain_is_not_counted_as_noise_between_runs(self):
        generator = np.random.default_rng(3)
        found = [standing({"a": noisy(generator, 4, 500, seed_sd=sd)}).seed_variance[0] for sd in [2.0] * 300]
        assert np.mean(found) == pytest.approx(4.0, rel=0.15)
        found = [standing({"a": noisy(generator, 4, 500)}).seed_variance[0] for _ in range(300)]
        assert np.mean(found) == pytest.approx(0.0, abs=0.4)

    def test_a_test_over_rows_alone_would_take_a_lucky_seed_for_a_better_task(self):
        generator = np.random.default_rng(4)
        pairs = [[noisy(generator, 1, 4000, seed_sd=1.0) for _ in range(2)] for _ in range(400)]
        wrong = {sd: np.mean([paired_test(*pair, seed_sd=sd).p <= 0.05 for pair in pairs]) for sd in (0.0, 1.0)}
        assert wrong[0.0] > 0.12
        assert wrong[1.0] <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 400)

    def test_equal_scores_are_no_evidence(self):
        same = points(np.ones((1, 20)))
        assert paired_test(same, same, seed_sd=0.0).p == 1.0
        assert paired_test(same, same).p == 0.5

    def test_translations_of_a_row_are_one_row(self):
        leader, contender = (
            np.repeat([[*first]], 1, 0) for first in ([1, 1, 1, 1, 0, 0] * 20, [1, 1, 0, 1, 0, 0] * 20)
        )
        once = paired_test(points(contender), points(leader))
        items = list(range(120)) * 3
        thrice = [points(np.tile(scores, 3), items=items) for scores in (contender, leader)]
        assert paired_test(*thrice) == once
        assert paired_test(*(points(np.tile(scores, 3)) for scores in (contender, leader))).p < once.p


class TestPoints:
    def test_mean_is_the_unweighted_mean_over_languages(self):
        scores = points([[1.0, 1.0, 1.0, 0.0, 0.5]], languages=["en", "en", "en", "en", "sw"])
        assert scores.mean() == pytest.approx(100 * (0.75 + 0.5) / 2)

    def test_mean_of_counts_is_the_mean_f1_of_the_languages(self):
        counts = [[[2, 3, 4], [1, 2, 1], [0, 0, 0], [3, 3, 5], [0, 1, 0]]]
        found = points(counts, languages=["en", "en", "en", "de", "fi"])
        assert found.mean() == pytest.approx(100 * (2 * 3 / 10 + 2 * 3 / 8 + 0) / 3)

    def test_items_keep_the_mean(self):
        generator = np.random.default_rng(5)
        scores, languages = generator.random((2, 12)), ["en", "de", "sw"] * 4
        items = [number // 3 for number in range(12)]
        merged = points(scores, languages=languages, items=items)
        assert merged.shape == (2, 4)
        assert merged.mean(axis=1) == pytest.approx(points(scores, languages=languages).mean(axis=1))


class TestRace:
    def test_a_clearly_worse_contender_is_dropped_with_the_reason(self):
        leader, contender = answers(300, 100, 20, 80)
        [found] = race({"qqp": contender, "squad": leader}, target="xquad", round=1, rounds=5)
        expected = paired_test(contender, leader)
        assert found == Dropped(
            contender="qqp", target="xquad", round=1, leader="squad", difference=pytest.approx(16.0),
            p=expected.p, level=pytest.approx(0.05 * 4 / 10), rows=500,
        )  # fmt: skip

    def test_a_close_one_is_kept(self):
        leader, contender = answers(300, 40, 30, 130)
        assert not race({"qqp": contender, "squad": leader}, target="xquad", round=1, rounds=5)

    def test_the_baseline_and_the_leader_are_never_dropped(self):
        good, bad = points(np.ones((1, 500))), points(np.zeros((1, 500)))
        assert not race({"none": bad, "squad": good}, target="xnli", round=1, rounds=5)
        found = race({"none": bad, "squad": good, "qqp": bad}, target="xnli", round=1, rounds=5)
        assert [each.contender for each in found] == ["qqp"]
        found = race({"none": good, "squad": bad, "qqp": bad}, target="xnli", round=1, rounds=5)
        assert [(each.contender, each.leader) for each in found] == [("qqp", "none"), ("squad", "none")]

    def test_a_tie_is_led_by_the_baseline_then_by_name(self):
        good, bad = points(np.ones((1, 500))), points(np.zeros((1, 500)))
        assert race({"qqp": good, "ccg": bad, "none": good}, target="t", round=1, rounds=5)[0].leader == "none"
        assert race({"squad": good, "qqp": good, "ccg": bad}, target="t", round=1, rounds=5)[0].leader == "qqp"

    def test_the_order_of_contenders_does_not_matter(self):
        generator = np.random.default_rng(6)
        scores = {
            name: noisy(generator, 2, right=right) for name, right in zip("abcd", (0.8, 0.6, 0.7, 0.79), strict=True)
        }
        first = race(scores, target="t", round=2, rounds=5)
        assert [each.contender for each in first] == ["b", "c"]
        for order in itertools.permutations(scores):
            found = race({name: scores[name] for name in order}, target="t", round=2, rounds=5)
            assert [(each.contender, each.leader) for each in found] == [
                (each.contender, each.leader) for each in first
            ]
            assert [each.p for each in found] == pytest.approx([each.p for each in first])

    def test_the_dropped_neither_lead_nor_fall_again(self):
        good, middle, bad = (points(np.full((1, 500), share)) for share in (0.9, 0.5, 0.1))
        scores = {"a": good, "b": middle, "c": bad}
        first = race({"a": good, "c": bad}, target="t", round=1, rounds=5)
        assert not race({"a": good, "c": bad}, target="t", round=2, rounds=5, dropped=first)
        gone = [Dropped(contender="a", target="t", round=1, leader="x", difference=1, p=0.01, level=0.02, rows=500)]
        assert [each.leader for each in race(scores, target="t", round=2, rounds=5, dropped=gone)] == ["b"]
        assert [each.leader for each in race(scores, target="u", round=2, rounds=5, dropped=gone)] == ["a", "a"]

    def test_the_last_round_drops_nobody(self):
        good, bad = points(np.ones((1, 500))), points(np.zeros((1, 500)))
        assert not race({"a": good, "b": bad}, target="t", round=5, rounds=5)
        assert not race({"a": good, "b": bad}, target="t", round=1, rounds=1)

    def test_the_levels_of_all_rounds_add_up_to_alpha(self):
        assert sum(Rule(alpha=0.04).level(round, 7, 17) for round in range(1, 8)) == pytest.approx(0.04)
        family = Rule(alpha=0.04, guarantee=Guarantee.FAMILY)
        assert sum(family.level(round, 7, 17) for round in range(1, 8)) == pytest.approx(0.04 / 16)

    @pytest.mark.parametrize(("guarantee", "contenders"), [(Guarantee.PAIR, 2), (Guarantee.FAMILY, 8)])
    def test_an_equal_is_dropped_at_most_at_the_nominal_rate(self, guarantee, contenders):
        generator = np.random.default_rng(7)
        rule, races, dropped_first = Rule(alpha=0.1, guarantee=guarantee), 300, 0
        for _ in range(races):
            scores = {f"c{number}": noisy(generator, 4, 500, seed_sd=1.0) for number in range(contenders)}
            dropped = []
            for round in (1, 2, 3):
                runs = {name: each.round for each in dropped for name in [each.contender]}
                so_far = {name: rows[: runs.get(name, round)] for name, rows in scores.items()}
                dropped += race(so_far, target="t", round=round, rounds=4, dropped=dropped, rule=rule)
            dropped_first += any(each.contender == "c0" for each in dropped)
        assert dropped_first / races <= 0.1

    def test_the_benchmark_sums_up_runs_as_the_race_does(self):
        generator = np.random.default_rng(8)
        runs = generator.random((3, 4, 200)) < np.array([0.5, 0.6, 0.7, 0.8])[:, None]
        found = summed_up(np.zeros(4), iter(runs))
        expected = standing({str(number): points(runs[:, number].astype(float)) for number in range(4)})
        assert found.means[-1] == pytest.approx(expected.means)
        assert found.squares[-1] == pytest.approx(expected.squares)
        assert found.seed_variance[-1] == pytest.approx(expected.seed_variance)


class TestRefusals:
    @pytest.mark.parametrize(
        ("scores", "options", "message"),
        [
            ([[0.5, float("nan")]], {}, "scores must be finite, got 1 NaN or infinite of 2"),
            ([[50.0, 70.0]], {}, "from 0 to 1, got 50 to 70"),
            ([0.5, 0.7], {}, r"\[runs, rows\] or counts \[runs, rows, 3\], got shape \[2\]"),
            (np.zeros((1, 0)), {}, r"at least one run and one row, got shape \[1, 0\]"),
            ([[[3, 2, 4]]], {}, "right ones no more than gold or found"),
            ([[1.0, 0.0]], {"languages": ["en"]}, "1 languages for 2 rows"),
            ([[1.0, 0.0]], {"items": [1, 2, 3]}, "3 items for 2 rows"),
        ],
    )
    def test_of_scores(self, scores, options, message):
        with pytest.raises(ValueError, match=message):
            points(scores, **options)

    @pytest.mark.parametrize(
        ("scores", "message"),
        [
            ({}, "at least one contender"),
            ({"a": np.zeros((1, 3)), "b": np.zeros((1, 4))}, "b has 4 rows, a has 3; compare the same dev rows"),
            ({"a": np.zeros((1, 3)), "b": np.zeros((0, 3))}, r"points of b must be \[runs, rows\].*got \[0, 3\]"),
            ({"a": np.zeros((1, 0))}, "at least one of each"),
            ({"a": np.zeros(3)}, r"got \[3\]"),
            ({"a": np.array([[1.0, np.nan]])}, "points of a must be finite"),
        ],
    )
    def test_of_contenders(self, scores, message):
        with pytest.raises(ValueError, match=message):
            race(scores, target="t", round=1, rounds=5)

    @pytest.mark.parametrize("round", [0, 6])
    def test_of_a_round_that_is_not_planned(self, round):
        with pytest.raises(ValueError, match=f"round must be from 1 to 5, got {round}"):
            race({"a": np.zeros((1, 3))}, target="t", round=round, rounds=5)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"alpha": 0.0}, "alpha"),
            ({"alpha": 1.0}, "alpha"),
            ({"seed_sd": -1.0}, "seed_sd"),
            ({"seed_sd": np.nan}, "seed_sd"),
        ],
    )
    def test_of_a_rule_that_makes_no_sense(self, options, message):
        with pytest.raises(ValueError, match=message):
            Rule(**options)

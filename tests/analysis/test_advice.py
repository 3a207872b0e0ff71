"""Advice: signals of candidates, the ranking they come to, and how it is judged against full sweeps."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import spearmanr

from analysis.advice.donors import advised_donors
from analysis.advice.judging import CHOSEN, compare, ndcg, ndcg_by_chance, regret, regret_by_chance
from analysis.advice.left_out import ADVICE, AVERAGE, CHANCE, SQUAD, Check, check, line_of, rules
from analysis.advice.ranking import ELSEWHERE, PUBLISHED, USED, Advice, standard
from analysis.advice.records import Records, published, records_of
from analysis.advice.signals import FAMILY, FORMAT, LABELS, NEAR, SIZE, TEXT, Goal, Source, signals_of
from analysis.languages.transfer import Transfer
from analysis.scores.headings import AnalysisError
from tests.made.donors import fill_donors
from tests.made.records import record, target_spec
from trainables.ledger.cells import Row
from trainables.ledger.recipe import parse_recipe
from trainables.ledger.store import Store
from trainables.tasks.formats.base import Head
from trainables.tasks.sample import Sample

ROWS = ("squad", "qqp", "anli", "hellaswag", "csqa", "cosmosqa")
TARGETS = ("xnli", "pawsx", "udpos", "panx", "xquad", "mlqa", "tatoeba")


def sample(task, head, axis, rows=60, seed=0, text=0):
    """Vectors whose label is the sign of one of their axes."""
    generator = np.random.default_rng(seed)
    vectors = generator.normal(size=(rows, 6))
    labels = np.zeros(0, int) if axis is None else (vectors[:, axis] > 0).astype(int)
    return Sample(
        task=task, languages=("en",), head=head, vectors=vectors, labels=labels, text=np.eye(6)[text], rows=rows
    )


def records(gain, rows=ROWS, targets=TARGETS, name="store"):
    return Records(
        name=name, encoder="bundled:3", gains={target: {row: gain(row, target) for row in rows} for target in targets},
        languages=dict.fromkeys(targets, ("en",)),
    )  # fmt: skip


def cheap(value, rows=ROWS, targets=TARGETS):
    return {(row, target): {LABELS: value(row, target)} for row in rows for target in targets}


def noise(row, target):
    return float(np.random.default_rng([ROWS.index(row), TARGETS.index(target)]).normal())


def test_labels_that_ask_the_same_of_a_row_are_a_signal():
    goal = Goal(name="xnli", languages=("de",), sample=sample("xnli", Head.CLASSIFICATION, 0, seed=1))
    sources = [
        Source(recipe=parse_recipe("qqp"), sample=sample("qqp", Head.CLASSIFICATION, 0, seed=2)),
        Source(recipe=parse_recipe("csqa"), sample=sample("csqa", Head.CHOICE, 3, seed=3)),
        Source(recipe=parse_recipe("mlm")),
    ]
    found = signals_of(sources, [goal])
    assert found["qqp", "xnli"][LABELS] > found["csqa", "xnli"][LABELS] + 0.1
    assert found["mlm", "xnli"][LABELS] is None


def test_labels_of_a_target_without_labels_are_unknown():
    goal = Goal(name="tatoeba", languages=("de",), sample=sample("tatoeba", Head.EMBEDDING, None))
    source = Source(recipe=parse_recipe("qqp"), sample=sample("qqp", Head.CLASSIFICATION, 0))
    assert signals_of([source], [goal])["qqp", "tatoeba"][LABELS] is None


def test_text_is_compared_without_what_all_have_in_common():
    goal = Goal(name="xnli", languages=("de",), sample=sample("xnli", Head.CLASSIFICATION, 0, text=1))
    sources = [
        Source(recipe=parse_recipe(name), sample=sample(name, Head.CLASSIFICATION, 0, text=text))
        for name, text in (("anli", 1), ("qqp", 2))
    ]
    found = signals_of(sources, [goal])
    assert found["anli", "xnli"][TEXT] == pytest.approx(1.0)
    assert found["qqp", "xnli"][TEXT] == pytest.approx(-1.0)


@pytest.mark.parametrize(("head", "expected"), [
    (Head.CLASSIFICATION, 1.0), (Head.CHOICE, 0.5), (Head.EMBEDDING, 0.5), (Head.TAGGING, 0.0), (Head.SPAN, 0.0),
])  # fmt: skip
def test_formats_are_near_to_each_other(head, expected):
    goal = Goal(name="xnli", languages=("de",), sample=sample("xnli", Head.CLASSIFICATION, 0))
    source = Source(recipe=parse_recipe("csqa"), sample=sample("csqa", head, 0))
    assert signals_of([source], [goal])["csqa", "xnli"][FORMAT] == expected


def test_rows_families_and_languages_of_a_candidate_count():
    def measure(kind, a, b):
        return {"family": abs(len(a) - len(b)) + (a != b) * 0.5, "script": None}.get(kind)

    sources = [Source(recipe=parse_recipe("squad>panx@de"), rows=1000), Source(recipe=parse_recipe("qqp"), rows=10)]
    goals = [Goal(name="panx", languages=("de", "fr")), Goal(name="udpos", languages=("en",))]
    found = signals_of(sources, goals, measure)
    assert (found["squad>panx@de", "panx"][FAMILY], found["squad>panx@de", "udpos"][FAMILY]) == (1.0, 0.0)
    assert found["squad>panx@de", "panx"][SIZE] == pytest.approx(3.0)
    assert found["squad>panx@de", "panx"][f"{NEAR} family"] == pytest.approx(1 - (0.0 + 0.5) / 2)
    assert found["qqp", "panx"][NEAR] == pytest.approx(0.5)
    assert found["qqp", "panx"][f"{NEAR} script"] is None
    assert found["qqp", "panx"][TEXT] is None


def test_one_scale_has_mean_0_and_deviation_1_and_0_for_the_unknown():
    found = standard([1.0, None, 3.0])
    assert found.tolist() == [-1.0, 0.0, 1.0]
    assert standard([None, None]).tolist() == [0.0, 0.0]
    assert standard([2.0, 2.0]).tolist() == [0.0, 0.0]


def test_without_records_all_signals_weigh_the_same():
    assert Advice(cheap=cheap(noise)).weights() == pytest.approx(np.full(len(USED), 1 / len(USED)))


def test_records_move_the_weights_to_the_signal_that_told_the_gains():
    advice = Advice(cheap=cheap(noise), stores=[records(noise)])
    weights = dict(zip(USED, advice.weights(), strict=True))
    assert max(weights, key=weights.get) == LABELS
    assert weights[LABELS] > 3 / len(USED)
    turned = Advice(cheap=cheap(noise), stores=[records(lambda row, target: -noise(row, target))])
    assert dict(zip(USED, turned.weights(), strict=True))[LABELS] < 0


def test_what_records_say_of_other_targets_is_a_signal():
    advice = Advice(cheap={}, stores=[records(lambda row, target: float(ROWS.index(row) + (target == "xnli")))])
    by_row = [advice.signals(row, "xnli")[ELSEWHERE] for row in ROWS]
    assert by_row == pytest.approx(standard([0, 1, 2, 3, 4, 5]))
    assert advice.signals("squad", "xnli", without=set(TARGETS))[ELSEWHERE] is None


def test_a_measured_gain_counts_twice_a_guess():
    gains = {"squad": 0.0, "qqp": 1.0, "anli": 2.0}
    stores = [Records(name="a", encoder="e", gains={"xnli": gains}, languages={"xnli": ("en",)})]
    advice = Advice(cheap={}, stores=stores)
    ranked = advice.rank(["squad", "qqp", "anli", "csqa"], "xnli")
    assert [each.row for each in ranked] == ["anli", "qqp", "csqa", "squad"]
    assert [each.measured for each in ranked] == [2.0, 1.0, None, 0.0]
    assert ranked[0].score == pytest.approx(standard([0, 1, 2])[2] * 2 / 3)


def test_the_published_gain_of_a_target_is_the_papers_and_of_another_its_mean():
    advice = Advice(cheap={}, paper=published())
    assert advice.signals("squad", "xnli")[PUBLISHED] == pytest.approx(78.7 - 80.1)
    assert advice.signals("squad", "mine")[PUBLISHED] == pytest.approx(8.267, abs=1e-3)
    assert advice.signals("panx@sw", "xnli")[PUBLISHED] is None


def test_regret_is_to_the_best_of_those_that_would_be_trained():
    assert regret([1.0, 4.0, 2.0, 5.0], 1) == 4.0
    assert regret([1.0, 4.0, 2.0, 5.0], 3) == 1.0
    assert regret([1.0, 4.0], 3) == 0.0


def test_ndcg_of_a_ranking():
    assert ndcg([3.0, 2.0, 1.0]) == pytest.approx(1.0)
    assert ndcg([1.0, 3.0]) == pytest.approx(np.log(2) / np.log(3))
    assert ndcg([2.0, 2.0]) == 1.0


@pytest.mark.parametrize("first", [1, 2, 3, 5])
def test_chance_is_the_mean_over_all_orders(first):
    gains = [0.3, -1.0, 2.5, 0.0, 1.1]
    orders = list(itertools.permutations(gains))
    assert regret_by_chance(gains, first) == pytest.approx(np.mean([regret(order, first) for order in orders]))
    assert ndcg_by_chance(gains) == pytest.approx(np.mean([ndcg(order) for order in orders]))


def test_two_rules_are_compared_by_swapping_families():
    found = compare([0.0] * 6, [1.0] * 6, "abcdef")
    assert (found.mean, found.better, found.worse) == (1.0, 6, 0)
    assert found.p == pytest.approx(2 / 64)
    assert found.is_better
    assert not compare([1.0] * 6, [0.0] * 6, "abcdef").is_better
    one_family = compare([0.0] * 6, [1.0] * 6, "aaaaaa")
    assert one_family.p == 1.0
    assert not one_family.is_better


def test_a_target_is_advised_on_without_its_family():
    """Gains of XQuAD and MLQA are the same and those of others say the contrary: who looked would have no regret."""

    def gain(row, target):
        return float(ROWS.index(row)) * (1 if target in ("xquad", "mlqa") else -1)

    store = records(gain)
    found = check(Advice(cheap={}, stores=[store]), store)
    assert isinstance(found, Check)
    assert found.judgements[AVERAGE].regrets["xquad"] == found.judgements[ADVICE].regrets["mlqa"] == CHOSEN
    assert found.judgements[AVERAGE].regrets["xnli"] == 0.0


def test_the_family_is_hidden_in_other_stores_too():
    def gain(row, target):
        return float(ROWS.index(row)) if target in ("xquad", "tydiqa") else 0.0

    judged = records(gain, targets=("xquad", "xnli", "panx"))
    other = records(gain, targets=("tydiqa",), name="other")
    found = check(Advice(cheap={}, stores=[judged, other]), judged)
    assert found.judgements[ADVICE].regrets["xquad"] == 5.0 - ROWS.index("anli")


def test_signals_that_tell_the_gains_make_an_advice_that_says_it_is_better():
    rows, targets, of_paper = (*ROWS, "panx", "udpos", "xnli"), (*TARGETS, "bucc"), ("squad", "hellaswag", "anli")

    def told(row, target):
        return float(np.random.default_rng([rows.index(row), targets.index(target)]).normal())

    store = records(lambda row, target: 4 * told(row, target) - 9 * (row in of_paper), rows, targets)
    found = check(Advice(cheap=cheap(told, rows, targets), stores=[store]), store)
    assert "the advice is better than 'take SQuAD'" in found.sentence(SQUAD)
    assert line_of(found.judgements[ADVICE])[0] < line_of(found.judgements[CHANCE])[0]


def test_an_advice_that_is_no_better_says_so():
    store = records(noise)
    found = check(Advice(cheap=cheap(lambda row, target: 0.0), stores=[store]), store)
    assert "the advice is no better than 'take SQuAD'" in found.sentence(SQUAD)
    assert "the advice is no better than 'best average'" in found.sentence(AVERAGE)


def test_take_squad_takes_squad_then_follows_the_paper():
    found = rules(Advice(cheap={}), records(noise))[SQUAD](["panx@sw", "csqa", "qqp", "squad", "anli"], "xnli")
    assert [*found] == ["squad", "anli", "qqp", "csqa", "panx@sw"]


def test_too_few_targets_are_no_check():
    store = records(noise, targets=("xquad", "mlqa", "xnli"))
    found = check(Advice(cheap={}, stores=[store]), store)
    assert isinstance(found, str)
    assert "targets of 3 families with 4 rows each are needed to check an advice; given 3 targets" in found


def test_the_papers_table_is_a_store_like_others():
    store = published()
    found = check(Advice(cheap={}, stores=[store]), store)
    assert found.judgements[SQUAD].first["xquad"] == 0.0
    by_hand = store.gains["xnli"]
    assert found.judgements[SQUAD].regrets["xnli"] == pytest.approx(
        max(by_hand.values()) - max(by_hand[row] for row in ("squad", "hellaswag", "anli"))
    )
    others = [target for target in store.gains if target != "xnli"]
    means = [np.mean([standard(list(store.gains[t].values()))[place] for t in others]) for place in range(len(by_hand))]
    order = rules(Advice(cheap={}, stores=[store]), store)[AVERAGE](list(by_hand), "xnli")
    assert spearmanr([-order.index(row) for row in by_hand], means).statistic == pytest.approx(1.0)


def test_gains_of_a_store_are_over_its_baseline(tmp_path):
    def level(donor, recipient):
        return {"": 40.0, "en": 41.0, "sw": 43.0, "de": 39.0}[donor]

    found = records_of(fill_donors(tmp_path, "udpos", ["en", "sw", "de"], level).root)
    assert found.gains["panx"] == pytest.approx({"udpos": 1.0, "udpos@sw": 3.0, "udpos@de": -1.0})
    assert found.encoder == "bundled:3"


def test_a_language_whose_labels_a_row_has_seen_does_not_count(tmp_path):
    def level(donor, recipient):
        return 40.0 + (10.0 if donor == recipient else 1.0 if donor else 0.0)

    found = records_of(fill_donors(tmp_path, "panx", ["sw", "de"], level).root)
    assert found.gains["panx"] == pytest.approx({"panx@sw": 1.0, "panx@de": 1.0})


def test_stores_that_know_no_gains_are_refused(tmp_path):
    with pytest.raises(AnalysisError, match="there is no store at"):
        records_of(tmp_path / "none")
    store = Store(tmp_path / "one").prepare()
    store.finish(record(target_spec("xnli")))
    with pytest.raises(AnalysisError, match="no target with a baseline and two other rows"):
        records_of(store.root)


def test_the_nearest_donor_is_advised_and_never_one_whose_labels_the_recipient_has():
    places = {"en": 0.0, "de": 0.2, "sw": 1.0}
    pairs = [(donor, recipient) for donor in places for recipient in places]
    found = Transfer(
        training="panx", target="panx", rows={code: Row(f"panx@{code}", False) for code in places},
        recipients=tuple(places), gains=dict.fromkeys(pairs, 0.0),
        supervised=frozenset((code, code) for code in places),
    )  # fmt: skip
    sources = [Source(recipe=parse_recipe("panx" if code == "en" else f"panx@{code}")) for code in places]
    found = Transfer(**vars(found) | {"rows": found.rows | {"en": Row("panx", False)}})
    advised = advised_donors(found, sources, lambda kind, a, b: abs(places[a] - places[b]))
    assert advised == {"en": "de", "de": "en", "sw": "de"}

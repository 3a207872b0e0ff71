"""Regret: the test score that a choice on dev gave away, for the choice of the table and for that on English dev."""

import dataclasses

import pytest

from analysis.scores.load import load
from analysis.selection.averages import Gap
from analysis.selection.regret import average_regret, english_choice, opened_by_regret, regrets
from analysis.selection.sweep import gather
from trainables.ledger.cells import Row


@pytest.fixture
def store(whole_grid):
    return whole_grid


def shift(store, row, target, points, split, language=None):
    """Add points to scores of a run."""
    [run] = [run for run in load(store) if target in run.record.spec.tasks and run.variant == Row(row, False)]
    scores = tuple(
        dataclasses.replace(s, value=s.value + points)
        if s.task == target and s.split == split and language in (None, s.language)
        else s
        for s in run.record.scores
    )
    store.finish(dataclasses.replace(run.record, scores=scores))


def test_without_a_better_candidate_on_test_there_is_no_regret(store):
    """Test scores are dev scores plus one, so dev chooses the best."""
    for regret in regrets(gather(store)).values():
        assert regret.chosen.regret == regret.english.regret if regret.english else True
        assert regret.chosen.regret == 0.0
        assert regret.candidates == 7


def test_it_is_the_distance_to_the_best_candidate_on_test(store):
    # dev: ANLI+ 62, SQuAD 59; test: ANLI+ 63, SQuAD 60 + 5
    shift(store, "squad", "xnli", 5.0, "test")
    regret = regrets(gather(store))["xnli"]
    assert (str(regret.best.variant), regret.best.test) == ("squad", pytest.approx(65.0))
    assert (str(regret.chosen.variant), regret.chosen.regret) == ("anli", pytest.approx(2.0))


def test_english_dev_can_mislead(store):
    """SQuAD gains 20 points in English dev alone: English would choose it, and lose 63 - 60 points on test."""
    shift(store, "squad", "xnli", 20.0, "dev", "en")
    sweep = gather(store)
    # 20 points of 15 languages lift SQuAD's mean to 60.3, below ANLI+'s 62
    assert str(sweep.selections["xnli"].variant) == "anli"
    regret = regrets(sweep)["xnli"]
    assert (str(regret.english.variant), regret.english.regret) == ("squad", pytest.approx(3.0))
    assert regret.chosen.regret == 0.0
    chosen, english, targets = average_regret(regrets(sweep))
    # seven targets have English sentences of their own
    assert (chosen, english, targets) == (0.0, pytest.approx(3.0 / 7), 7)


def test_span_qa_is_judged_by_the_mean_of_f1_and_exact_match(store):
    shift(store, "anli", "mlqa", 20.0, "test")
    regret = regrets(gather(store))["mlqa"]
    # level 42 of F1 and 32 of EM: mean 37; SQuAD +5, ANLI+ +2 +20; test +1
    assert regret.chosen.test == pytest.approx(37 + 5 + 1)
    assert regret.best.test == pytest.approx(37 + 2 + 20 + 1)
    assert regret.chosen.regret == pytest.approx(17.0)


def test_a_task_with_one_set_has_no_regret_of_its_own_choice_and_no_opening(store):
    sweep = gather(store)
    assert regrets(sweep)["xquad"].on_evaluation_data
    assert {opening.target for opening in opened_by_regret(sweep)} == {"xnli", "pawsx", "udpos", "panx", "mlqa"}
    for opening in opened_by_regret(sweep):
        assert (opening.by, len(opening.runs)) == ("regret", 7)


def test_retrieval_has_no_english_choice(store):
    sweep = gather(store)
    assert english_choice(sweep.results, sweep.selections["tatoeba"]) is None
    assert regrets(sweep)["tatoeba"].english is None


def test_no_selection_no_regret(store):
    [run] = [r for r in load(store) if r.record.spec.tasks == ("xnli",) and r.variant == Row("squad", False)]
    scores = tuple(s for s in run.record.scores if s.language != "sw")
    store.finish(dataclasses.replace(run.record, scores=scores))
    sweep = gather(store)
    assert isinstance(regrets(sweep)["xnli"], Gap)
    assert "xnli" not in {opening.target for opening in opened_by_regret(sweep)}

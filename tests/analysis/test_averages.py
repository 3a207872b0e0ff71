"""Averages name what is missing and never shrink."""

import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.scores.headings import AnalysisError
from analysis.scores.load import Run, score_table
from analysis.selection.averages import Gap, TaskScore, expected_languages, mean_over, over_seeds, overall, task_scores
from tests.made.records import DATA, language_scores, record, target_spec
from trainables.ledger.cells import Cell
from trainables.ledger.record import Score
from trainables.ledger.states import State
from trainables.tasks.registry import task
from trainables.tasks.task import Split

percent = st.floats(min_value=0, max_value=100)
some_scores = st.dictionaries(st.sampled_from(["ar", "de", "en", "hi", "zh", "vi"]), percent, min_size=1)


def scores_of(name, scores, **options):
    spec = target_spec(name, **options)
    found = task_scores(score_table([Run(record=record(spec, scores))]))
    return {split: score for (_, split), score in found.items()}


@given(some_scores, st.randoms())
def test_average_does_not_depend_on_order(values, chance):
    names = list(values)
    shuffled = random.Random(chance.random()).sample(names, len(names))
    expected = mean_over(values, names, "languages")
    assert mean_over({name: values[name] for name in shuffled}, shuffled, "languages") == expected
    assert expected == pytest.approx(statistics.fmean(values.values()))


@given(some_scores, st.data())
def test_a_gap_never_yields_a_number_and_its_bounds_hold_the_truth(values, data):
    missing = data.draw(st.sets(st.sampled_from(sorted(values)), min_size=1))
    known = {name: value for name, value in values.items() if name not in missing}
    gap = mean_over(known, list(values), "languages of X")
    assert isinstance(gap, Gap)
    assert gap.reason.startswith(f"{len(missing)} of {len(values)} languages of X missing: ")
    low, high = gap.bounds
    assert low - 1e-9 <= statistics.fmean(values.values()) <= high + 1e-9


@given(st.dictionaries(st.sampled_from(["xnli", "pawsx", "udpos"]), percent, min_size=1), st.booleans())
def test_overall_with_a_gap_is_a_gap(values, failed):
    known = {
        name: TaskScore(target=name, split=Split.DEV, metrics={"accuracy": value}, languages={})
        for name, value in values.items()
    }
    assert overall(known, list(known)) == pytest.approx(statistics.fmean(values.values()))
    state = State.FAILED if failed else State.PENDING
    average = overall({**known, "mlqa": Gap(reason="x", state=state)}, [*known, "mlqa"])
    assert isinstance(average, Gap)
    assert average.state is state
    assert average.reason == f"1 of {len(known) + 1} targets missing: MLQA"
    assert math.isclose(average.bounds[1] - average.bounds[0], 100 / (len(known) + 1))


def test_task_score_averages_languages_then_metrics():
    found = scores_of("xquad", language_scores("xquad", 40.0))
    assert list(found) == [Split.TEST]
    assert found[Split.TEST].metrics == {"f1": pytest.approx(40.0), "exact_match": pytest.approx(30.0)}
    assert found[Split.TEST].value == pytest.approx(35.0)
    assert len(found[Split.TEST].languages) == 11


def test_missing_languages_are_named():
    first = task("tatoeba").languages[Split.TEST][:18]
    found = scores_of("tatoeba", language_scores("tatoeba", 30.0, without={"test": first}))
    assert str(found[Split.TEST]) == f"18 of 36 languages of Tatoeba missing: {', '.join(first)}"
    assert found[Split.TEST].state is State.INCOMPLETE


def test_a_language_without_one_of_two_metrics_is_missing():
    scores = [s for s in language_scores("xquad", 40.0) if (s.language, s.metric) != ("de", "exact_match")]
    assert str(scores_of("xquad", scores)[Split.TEST]) == "1 of 11 languages of XQuAD missing: de"


def test_pos_development_needs_29_languages_and_test_33():
    found = scores_of("udpos", language_scores("udpos", 50.0))
    assert len(found[Split.DEV].languages) == 29
    assert len(found[Split.TEST].languages) == 33
    assert len(expected_languages(task("udpos"), Split.TEST)) == 33


def test_pos_accuracy_is_an_extra_and_not_averaged():
    accuracy = [
        Score(task="udpos", split=s.split, language=s.language, metric="accuracy", value=90.0, rows=32)
        for s in language_scores("udpos", 50.0)
    ]
    found = scores_of("udpos", [*language_scores("udpos", 50.0), *accuracy])[Split.DEV]
    assert found.value == pytest.approx(50.0)
    assert found.extras == {"accuracy": pytest.approx(90.0)}


def test_a_restricted_run_needs_its_own_languages_only():
    import dataclasses

    data = dataclasses.replace(DATA, languages=("en", "de", "ja"))
    found = scores_of("xnli", language_scores("xnli", 60.0, only=("en", "de")), data=data)[Split.DEV]
    assert set(found.languages) == {"en", "de"}
    assert found.restricted == ("en", "de", "ja")
    assert found.value == pytest.approx(60.0)


def test_scores_of_the_stopping_split_make_no_cell():
    stopping = Score(task="xnli", split="stopping", language="en", metric="accuracy", value=1.0, rows=3)
    assert scores_of("xnli", [stopping]) == {}


def test_two_runs_of_one_cell_are_an_error():
    runs = [
        Run(record=record(target_spec("xnli", learning_rate=rate), language_scores("xnli", 50.0)))
        for rate in (1e-5, 2e-5)
    ]
    with pytest.raises(AnalysisError, match="two runs"):
        task_scores(score_table(runs))


def test_cells_are_keyed_like_plain_tuples():
    scores = language_scores("xnli", 50.0)
    found = task_scores(score_table([Run(record=record(target_spec("xnli"), scores))]))
    assert found[("none", False, "xnli", 42), Split.DEV].value == pytest.approx(50.0)
    assert Cell("none", False, "xnli", 42) == ("none", False, "xnli", 42)


def seed_score(value, languages):
    return TaskScore(
        target="xnli", split=Split.DEV, metrics={"accuracy": value}, languages={"en": {"accuracy": languages}}
    )


def test_mean_over_seeds():
    both = over_seeds({42: seed_score(60.0, 50.0), 43: seed_score(61.0, 54.0)})
    assert both.value == 60.5
    assert both.languages["en"]["accuracy"] == 52.0
    assert both.num_seeds == 2


def test_a_seed_that_is_missing_is_named():
    gap = over_seeds({42: seed_score(60.0, 50.0), 43: Gap(reason="out of memory", state=State.FAILED)})
    assert (gap.reason, gap.state, gap.bounds) == ("seed 43: out of memory", State.FAILED, (30.0, 80.0))

"""Pruning: compared at equal fractions of training, decided by Optuna's pruners, chosen by name, told in the report."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.searches import searches_section
from search_spaces.config_file import ConfigError, apply_sets, dump_yaml, load_yaml
from search_spaces.presets import demo
from search_spaces.ranges import Choices
from search_spaces.search_fields import PRUNERS, SearchFields
from sweep.rungs import RUNGS, figures, make_pruner
from sweep.samplers import make_sampler, seed
from sweep.studies import TrialState
from tests.study_fixtures import BASE, FEW, SPACE, dev_figure, opener
from trainables.record import DevPoint
from trainables.store import LocalStore


def points(*pairs):
    return [DevPoint(step=step, selection=value, metrics={}) for step, value in pairs]


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path / "store").prepare()


@pytest.fixture
def open_study(tmp_path):
    return opener(tmp_path / "studies.journal", startup=2, pruning="median")


# rungs


@pytest.mark.parametrize(
    ("curve", "planned", "expected"),
    [
        ([], 80, {}),
        ([(9, 40.0)], 80, {}),  # 9/80 is short of an eighth
        ([(10, 40.0)], 80, {1: 40.0}),
        ([(9, 45.0), (11, 40.0)], 80, {1: 45.0}),  # the best up to there
        ([(27, 40.0), (54, 50.0)], 80, {1: 40.0, 2: 40.0, 3: 50.0, 4: 50.0, 5: 50.0}),
        ([(4, math.nan), (5, 30.0), (6, math.inf)], 8, dict.fromkeys(range(1, 6), 30.0)),
        ([(8, 30.0)], 8, dict.fromkeys(range(1, 8), 30.0)),
    ],
)
def test_a_rung_is_reached_at_the_first_evaluation_at_or_after_its_fraction(curve, planned, expected):
    assert figures(points(*curve), planned) == expected


def test_a_run_that_stopped_early_keeps_its_figure_at_later_rungs():
    curve = points((3, 50.0), (6, 40.0))
    assert figures(curve, 16) == {1: 50.0, 2: 50.0, 3: 50.0}
    assert figures(curve, 16, ended=True) == dict.fromkeys(range(1, RUNGS), 50.0)
    assert figures([], 16, ended=True) == {}


@given(
    values=st.lists(st.floats(0, 100), min_size=1, max_size=24),
    times=st.integers(1, 50),
    ended=st.booleans(),
)
def test_figures_depend_on_fractions_and_not_on_steps(values, times, ended):
    short = points(*enumerate(values, start=1))
    long = points(*((step * times, value) for step, value in enumerate(values, start=1)))
    assert figures(short, 24, ended=ended) == figures(long, 24 * times, ended=ended)


# studies


def by_rung(spec):
    """A curve whose early part favours high learning rates, so that pruning is not always right."""
    top = dev_figure(spec)
    rate = math.log10(spec.optimisation.learning_rate)
    return {rung: top - 3 * (RUNGS - rung) * (rate + 6) ** -2 for rung in range(1, RUNGS)}


def run_to_the_end(study):
    while (spec := study.ask()) is not None:
        for rung, figure in by_rung(spec).items():
            if verdict := study.report(spec.run_id, {rung: figure}):
                study.prune(spec.run_id, str(verdict))
                break
        else:
            study.tell(spec.run_id, dev_figure(spec))


def alone(name, sampler, pruner, trials):
    """The trials of Optuna by itself: same pruner, sampler, seeds and figures."""
    study = optuna.create_study(direction="maximize", study_name=name, pruner=pruner)
    study.enqueue_trial({"learning_rate": 1e-5, "epochs": 3})
    for number in range(trials):
        study.sampler = make_sampler(sampler, seed(name, number), 2)
        trial = study.ask()
        rate = trial.suggest_float("learning_rate", 3e-6, 3e-5, log=True)
        trial.suggest_int("epochs", 1, 6)
        spec = dataclasses.replace(BASE, optimisation=dataclasses.replace(BASE.optimisation, learning_rate=rate))
        for rung, figure in by_rung(spec).items():
            trial.report(figure, rung)
            if trial.should_prune() and number:
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            study.tell(trial, dev_figure(spec))
    return study.trials


@pytest.mark.parametrize(
    ("sampler", "pruning", "pruner"),
    [
        ("tpe", "median", optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=2)),
        ("random", "median", optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=2)),
        ("random", "hyperband", optuna.pruners.HyperbandPruner(min_resource=1, max_resource=8)),
    ],
)
def test_trials_are_pruned_as_by_optuna_alone(open_study, sampler, pruning, pruner):
    study = open_study(trials=24, sampler=sampler, pruning=pruning)
    run_to_the_end(study)
    expected = alone(study.name, sampler, pruner, 24)
    states = {"COMPLETE": TrialState.DONE, "PRUNED": TrialState.PRUNED}
    assert [trial.state for trial in study.trials] == [states[trial.state.name] for trial in expected]
    assert [dict(trial.params) for trial in study.trials] == [trial.params for trial in expected]
    own = optuna.load_study(study_name=study.name, storage=study._journal.storage).trials
    assert [trial.intermediate_values for trial in own] == [trial.intermediate_values for trial in expected]
    assert {trial.state for trial in study.trials} == {TrialState.DONE, TrialState.PRUNED}
    assert study.best.value == max(trial.value for trial in expected if trial.state.name == "COMPLETE")


def test_a_longer_run_with_the_same_curve_by_fraction_is_treated_the_same(open_study):
    """At equal steps, the longer one would have been ended."""
    base = dataclasses.replace(BASE, optimisation=dataclasses.replace(BASE.optimisation, epochs=1))
    space = {"epochs": Choices(parameter="epochs", choices=(1, 4))}
    study = open_study(base=base, space=space, sampler="bruteforce", trials=2)

    def curve(epochs):
        return points(*((step, 80 * step / (8 * epochs)) for step in range(1, 8 * epochs + 1)))

    short = study.ask()
    study.report(short.run_id, figures(curve(1), 8, ended=True))
    study.tell(short.run_id, 80.0)
    long = study.ask()
    assert long.optimisation.epochs == 4
    for length in range(1, 32):
        assert study.report(long.run_id, figures(curve(4)[:length], 32)) is None

    by_step = optuna.create_study(direction="maximize", pruner=optuna.pruners.MedianPruner(n_startup_trials=1))
    one, two = by_step.ask(), by_step.ask()
    for point in curve(1):
        one.report(point.selection, point.step)
    by_step.tell(one, 80.0)
    two.report(curve(4)[0].selection, 1)
    assert two.should_prune()


def test_a_verdict_says_where_and_against_what(open_study):
    study = open_study(space={"learning_rate": SPACE["learning_rate"]}, trials=4, startup=5)
    for value in (50.0, 61.0):  # half of the budget is fewer than five
        run_id = study.ask().run_id
        study.report(run_id, dict.fromkeys(range(1, RUNGS), value))
        study.tell(run_id, value)
    equal, below = study.ask().run_id, study.ask().run_id
    assert study.report(equal, {1: 55.5, 2: 55.5}) is None  # the median itself
    assert study.report(equal, {1: 0.0, 2: 0.0}) is None  # a rung counts once
    verdict = study.report(below, {4: 55.44, 5: 55.45})
    assert str(verdict) == "pruned at 1/2 of training: 55.4, median 55.5"
    assert (float(verdict.fraction), verdict.figure, verdict.median) == (0.5, 55.44, 55.5)


def test_later_trials_are_compared_with_all_that_have_ended_however_bad(open_study):
    """Runs that a store holds are told from their records; one would have been ended at a quarter."""
    study = open_study(space={"learning_rate": SPACE["learning_rate"]}, trials=5, startup=1)
    for value in (80.0, 10.0, 70.0):
        run_id = study.ask().run_id
        assert study.report(run_id, dict.fromkeys(range(1, RUNGS), value), ended=True) is None
        study.tell(run_id, value)
    equal, below = study.ask().run_id, study.ask().run_id
    assert study.report(equal, {5: 70.0}) is None  # the median of 10, 70 and 80
    assert str(study.report(below, {5: 69.0})) == "pruned at 5/8 of training: 69.0, median 70.0"


def test_trial_0_is_never_pruned(open_study):
    study = open_study(trials=3, startup=1)
    configured, other = study.ask(), study.ask()
    study.report(other.run_id, dict.fromkeys(range(1, RUNGS), 80.0))
    study.tell(other.run_id, 80.0)
    assert configured == BASE
    assert study.report(configured.run_id, {2: 1.0}) is None
    third = study.ask()
    assert study.report(third.run_id, {2: 1.0}) is not None


def test_the_median_ends_nothing_before_a_quarter_of_training(open_study):
    study = open_study(trials=3, startup=1)
    run_id = study.ask().run_id
    study.report(run_id, dict.fromkeys(range(1, RUNGS), 80.0))
    study.tell(run_id, 80.0)
    run_id = study.ask().run_id
    assert study.report(run_id, {1: 1.0}) is None
    assert study.report(run_id, {1: 1.0, 2: 1.0}).rung == 2


def test_pruned_trials_count_for_the_budget_and_for_nothing_else(open_study):
    study = open_study(trials=6, sampler="random", startup=1)
    first = study.ask()
    study.report(first.run_id, dict.fromkeys(range(1, RUNGS), 50.0))
    study.tell(first.run_id, 50.0)
    while (spec := study.ask()) is not None:
        verdict = study.report(spec.run_id, {1: 49.0, 2: 49.0})
        study.prune(spec.run_id, str(verdict))
        study.prune(spec.run_id, "again")
        study.tell(spec.run_id, 99.0)
    assert study.is_complete
    assert Counter(trial.state for trial in study.trials) == {TrialState.DONE: 1, TrialState.PRUNED: 5}
    assert (study.best.run_id, study.best.value, study.gain) == (first.run_id, 50.0, 0.0)
    assert study.importances() == {}
    assert {(trial.value, trial.reason) for trial in study.trials[1:]} == {
        (None, "pruned at 1/4 of training: 49.0, median 50.0")
    }
    assert len(study.told) == 6


def test_a_repetition_of_a_pruned_run_is_pruned_too(open_study):
    study = open_study(space=FEW, sampler="random", trials=12)
    asked = []
    while (spec := study.ask()) is not None:
        asked.append(spec.run_id)
        if spec == BASE:
            study.tell(spec.run_id, 50.0)
        else:
            study.prune(spec.run_id, f"no {spec.optimisation.epochs:.0f}")
    assert len(asked) == len(set(asked)) == 3
    assert study.is_complete
    assert {trial.reason for trial in study.trials} == {"", "no 1", "no 2"}
    assert all((trial.state is TrialState.DONE) == (trial.run_id == BASE.run_id) for trial in study.trials)


def test_without_pruning_nothing_is_noted(open_study, tmp_path):
    study = open_study(pruning="off")
    run_id = study.ask().run_id
    before = (tmp_path / "studies.journal").read_bytes()
    assert study.report(run_id, {1: 1.0}) is None
    assert (tmp_path / "studies.journal").read_bytes() == before


def test_an_unknown_pruner_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="unknown pruning 'meidan'; did you mean 'median'"):
        make_pruner("meidan", startup=5, trials=8)


# store, configuration, report


def test_a_broken_note_counts_as_none(store, caplog):
    folder = store.root / "runs" / "abc"
    folder.mkdir(parents=True)
    assert store.pruned("abc") is None
    for content in ("{", "[]", '{"run_id": "abc"}'):
        (folder / "pruned.json").write_text(content)
        assert store.pruned("abc") is None
    assert "not the note of a pruned run" in caplog.text


@pytest.mark.parametrize("name", PRUNERS)
def test_pruning_is_chosen_by_name(name, tmp_path):
    config = apply_sets(demo(), [f"search.pruning={name}"])
    assert config.search.pruning == name
    (tmp_path / "by_hand.yaml").write_text(f"search:\n  pruning: {name}\n")
    (tmp_path / "dumped.yaml").write_text(dump_yaml(config))
    assert load_yaml(tmp_path / "by_hand.yaml", demo()) == load_yaml(tmp_path / "dumped.yaml", demo()) == config
    assert demo().search.pruning == "off"
    assert SearchFields.model_validate({"pruning": False}).pruning == "off"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("meidan", "unknown pruning 'meidan'; did you mean 'median'? known: off, median, hyperband"),
        ("on", "unknown pruning 'on'"),
        ("3", "string"),
    ],
)
def test_an_unknown_pruning_is_refused(given, message):
    with pytest.raises(ConfigError) as caught:
        apply_sets(demo(), [f"search.pruning={given}"])
    assert "search.pruning" in str(caught.value)
    assert message in str(caught.value)


def test_the_report_counts_pruned_trials_and_says_where_each_ended():
    reason = "pruned at 3/8 of training: 41.2, median 55.0"
    trial = {"number": 0, "params": {"epochs": 2}, "run_id": "r0", "state": "done", "value": 61.0, "reason": ""}
    behind = trial | {"number": 1, "run_id": "r1", "state": "pruned", "value": None, "reason": reason}
    study = {"name": "squad", "winner": "r0", "gain": 0.0, "importances": {}, "trials": [trial, behind]}
    text = searches_section([study])
    assert "| squad | 2 | 1 | 0 | 0 | epochs 2 | 61.0 | +0.0 | – |" in text
    assert f"| 1 | 2 | pruned | `r1`: {reason} |" in text

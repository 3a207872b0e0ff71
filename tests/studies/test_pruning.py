"""Pruning: compared at equal fractions of training, decided by Optuna's pruners, chosen by name, told in the report."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter

import optuna
import pytest

from sweep.studies.rungs import RUNGS
from sweep.studies.samplers import make_sampler, seed
from tests.made.studies import BASE, FEW, SPACE, ask, dev_figure, opener, told
from trainables.ledger.record import DevPoint
from trainables.ledger.space import Choices
from trainables.ledger.states import State


def judge(study, run_id, by_step, *, ended=False):
    """Show a study the dev figures of a run of eight steps, so that a step is a rung."""
    return study.judge(run_id, points(*by_step.items()), RUNGS, ended=ended)


def points(*pairs):
    return [DevPoint(step=step, selection=value, metrics={}) for step, value in pairs]


@pytest.fixture
def open_study(tmp_path):
    return opener(tmp_path / "studies.journal", startup=2, pruning="median")


def by_rung(spec):
    """A curve whose early part favours high learning rates, so that pruning is not always right."""
    top = dev_figure(spec)
    rate = math.log10(spec.optimisation.learning_rate)
    return {rung: top - 3 * (RUNGS - rung) * (rate + 6) ** -2 for rung in range(1, RUNGS)}


def run_to_the_end(study):
    while (spec := ask(study)) is not None:
        curve = by_rung(spec)
        for rung in curve:
            if verdict := judge(study, spec.run_id, {step: curve[step] for step in range(1, rung + 1)}):
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
    states = {"COMPLETE": State.DONE, "PRUNED": State.PRUNED}
    assert [trial.state for trial in study.trials] == [states[trial.state.name] for trial in expected]
    assert [dict(trial.params) for trial in study.trials] == [trial.params for trial in expected]
    own = optuna.load_study(study_name=study.name, storage=study._journal.storage).trials
    assert [trial.intermediate_values for trial in own] == [trial.intermediate_values for trial in expected]
    assert {trial.state for trial in study.trials} == {State.DONE, State.PRUNED}
    assert study.best.value == max(trial.value for trial in expected if trial.state.name == "COMPLETE")


def test_a_longer_run_with_the_same_curve_by_fraction_is_treated_the_same(open_study):
    """At equal steps, the longer one would have been ended."""
    base = dataclasses.replace(BASE, optimisation=dataclasses.replace(BASE.optimisation, epochs=1))
    space = {"epochs": Choices(parameter="epochs", choices=(1, 4))}
    study = open_study(base=base, space=space, sampler="bruteforce", trials=2)

    def curve(epochs):
        return points(*((step, 80 * step / (8 * epochs)) for step in range(1, 8 * epochs + 1)))

    short = ask(study)
    assert study.judge(short.run_id, curve(1), 8, ended=True) is None
    study.tell(short.run_id, 80.0)
    long = ask(study)
    assert long.optimisation.epochs == 4
    for length in range(1, 32):
        assert study.judge(long.run_id, curve(4)[:length], 32) is None

    by_step = optuna.create_study(direction="maximize", pruner=optuna.pruners.MedianPruner(n_startup_trials=1))
    one, two = by_step.ask(), by_step.ask()
    for point in curve(1):
        one.report(point.selection, point.step)
    by_step.tell(one, 80.0)
    two.report(curve(4)[0].selection, 1)
    assert two.should_prune()


def test_a_verdict_says_where_and_against_what(open_study):
    study = open_study(space={"learning_rate": SPACE["learning_rate"]}, trials=4, startup=5)
    for early, late in ((40.0, 50.0), (50.0, 61.0)):  # half of the budget is fewer than five
        run_id = ask(study).run_id
        judge(study, run_id, dict.fromkeys(range(1, 4), early) | dict.fromkeys(range(4, RUNGS), late))
        study.tell(run_id, late)
    equal, below = ask(study).run_id, ask(study).run_id
    assert judge(study, equal, {3: 45.0, 4: 55.5}) is None  # the medians themselves
    assert judge(study, equal, {3: 0.0, 4: 0.0}) is None  # a rung counts once
    verdict = judge(study, below, {3: 45.0, 4: 55.44, 5: 55.45})
    assert str(verdict) == "pruned at 1/2 of training: 55.4, median 55.5"
    assert (verdict.rung, float(verdict.fraction), verdict.figure, verdict.median) == (4, 0.5, 55.44, 55.5)


def test_later_trials_are_compared_with_all_that_have_ended_however_bad(open_study):
    """Runs that a store holds are told from their records; one would have been ended at a quarter."""
    study = open_study(space={"learning_rate": SPACE["learning_rate"]}, trials=5, startup=1)
    for value in (80.0, 10.0, 70.0):
        run_id = ask(study).run_id
        curve = dict.fromkeys(range(1, 5), value / 2) | dict.fromkeys(range(5, RUNGS), value)
        assert judge(study, run_id, curve, ended=True) is None
        study.tell(run_id, value)
    equal, below = ask(study).run_id, ask(study).run_id
    assert judge(study, equal, {1: 35.0, 5: 70.0}) is None  # the medians of 5, 35 and 40; 10, 70 and 80
    assert str(judge(study, below, {1: 35.0, 5: 69.0})) == "pruned at 5/8 of training: 69.0, median 70.0"


def test_trial_0_is_never_pruned(open_study):
    study = open_study(trials=3, startup=1)
    configured, other = ask(study), ask(study)
    judge(study, other.run_id, dict.fromkeys(range(1, RUNGS), 80.0))
    study.tell(other.run_id, 80.0)
    assert configured == BASE
    assert judge(study, configured.run_id, {2: 1.0}) is None
    third = ask(study)
    assert judge(study, third.run_id, {2: 1.0}) is not None


def test_the_median_ends_nothing_before_a_quarter_of_training(open_study):
    study = open_study(trials=3, startup=1)
    run_id = ask(study).run_id
    judge(study, run_id, dict.fromkeys(range(1, RUNGS), 80.0))
    study.tell(run_id, 80.0)
    run_id = ask(study).run_id
    assert judge(study, run_id, {1: 1.0}) is None
    assert judge(study, run_id, {1: 1.0, 2: 1.0}).rung == 2


def test_pruned_trials_count_for_the_budget_and_for_nothing_else(open_study):
    study = open_study(trials=6, sampler="random", startup=1)
    first = ask(study)
    judge(study, first.run_id, dict.fromkeys(range(1, RUNGS), 50.0))
    study.tell(first.run_id, 50.0)
    while (spec := ask(study)) is not None:
        verdict = judge(study, spec.run_id, {1: 49.0, 2: 49.0})
        study.prune(spec.run_id, str(verdict))
        study.prune(spec.run_id, "again")
        study.tell(spec.run_id, 99.0)
    assert study.is_complete
    assert Counter(trial.state for trial in study.trials) == {State.DONE: 1, State.PRUNED: 5}
    assert (study.best.run_id, study.best.value, study.gain) == (first.run_id, 50.0, 0.0)
    assert study.importances() == {}
    assert {(trial.value, trial.reason) for trial in study.trials[1:]} == {
        (None, "pruned at 1/4 of training: 49.0, median 50.0")
    }
    assert len(told(study)) == 6


def test_a_repetition_of_a_pruned_run_is_pruned_too(open_study):
    study = open_study(space=FEW, sampler="random", trials=12)
    asked = []
    while (spec := ask(study)) is not None:
        asked.append(spec.run_id)
        if spec == BASE:
            study.tell(spec.run_id, 50.0)
        else:
            study.prune(spec.run_id, f"no {spec.optimisation.epochs:.0f}")
    assert len(asked) == len(set(asked)) == 3
    assert study.is_complete
    assert {trial.reason for trial in study.trials} == {"", "no 1", "no 2"}
    assert all((trial.state is State.DONE) == (trial.run_id == BASE.run_id) for trial in study.trials)


def test_without_pruning_nothing_is_noted(open_study, tmp_path):
    study = open_study(pruning="off")
    run_id = ask(study).run_id
    before = (tmp_path / "studies.journal").read_bytes()
    assert judge(study, run_id, {1: 1.0}) is None
    assert (tmp_path / "studies.journal").read_bytes() == before

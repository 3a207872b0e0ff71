"""Studies: what is asked and told, and that nothing differs from Optuna used alone."""

import dataclasses
import hashlib
import math
import subprocess
import sys
import warnings

import optuna
import pytest

from search_spaces.search_fields import SAMPLERS
from tests.made.studies import BASE, FEW, RATE, SPACE, ask, dev_figure, opener, quality, run_to_the_end, told
from trainables.ledger.space import Choices, Interval, assigned
from trainables.ledger.states import State


@pytest.fixture
def open_study(tmp_path):
    return opener(tmp_path / "studies.journal")


# what is asked


def test_the_first_trial_is_the_configured_run(open_study):
    assert ask(open_study()) == BASE


def test_a_batch_of_mlm_stays_when_that_of_the_task_is_searched(open_study):
    space = {"batch_size": Choices(parameter="batch_size", choices=(8, 16, 24))}
    study = open_study(space=space, sampler="bruteforce", trials=3)
    asked = run_to_the_end(study, value=lambda spec: spec.optimisation.batch_sizes["qqp"])
    assert [spec.optimisation.batch_sizes["mlm"] for spec in asked] == [8, 8, 8]
    assert sorted(spec.optimisation.batch_sizes["qqp"] for spec in asked) == [8, 16, 24]


def test_trials_differ_from_the_configured_run_in_searched_parameters_only(open_study):
    asked = run_to_the_end(open_study())
    assert len({spec.run_id for spec in asked}) == 8
    for spec in asked:
        setting = spec.optimisation
        same = dataclasses.replace(setting, learning_rate=1e-5, epochs=3.0)
        assert dataclasses.replace(spec, optimisation=same) == BASE
        assert 3e-6 <= setting.learning_rate <= 3e-5
        assert setting.epochs in {1, 2, 3, 4, 5, 6}


def test_a_spent_budget_ends_the_study(open_study):
    study = open_study(trials=3)
    assert len(run_to_the_end(study)) == 3
    assert ask(study) is None
    assert study.is_complete
    assert len(told(study)) == 3


def test_more_trials_continue_a_study(open_study):
    first = run_to_the_end(open_study(trials=3))
    more = run_to_the_end(open_study(trials=5))
    assert len(more) == 2
    whole = [trial.run_id for trial in open_study(trials=5).trials]
    assert whole == [spec.run_id for spec in first + more]


def test_trials_can_be_asked_for_before_earlier_ones_are_told(open_study):
    study = open_study(trials=6)
    out = [ask(study) for _ in range(4)]
    ids = [spec.run_id for spec in out]
    assert len(set(ids)) == 4
    assert study.running == tuple(ids)
    study.tell(ids[2], 70.0)
    study.tell(ids[0], 71.0)
    assert study.running == (ids[1], ids[3])
    assert told(study) == (ids[0], ids[2])
    assert not study.is_complete
    out = [ask(study), ask(study)]
    assert ask(study) is None
    assert not study.is_complete
    for run_id in study.running:
        study.tell(run_id, 60.0)
    assert study.is_complete
    assert [trial.value for trial in study.trials] == [71.0, 60.0, 70.0, 60.0, 60.0, 60.0]


def test_no_more_runs_are_out_than_allowed(open_study):
    study = open_study(parallel=2)
    first, second = ask(study), ask(study)
    assert ask(study) is None
    assert not study.is_complete
    study.tell(second.run_id, 1.0)
    third = ask(study)
    assert third.run_id not in (first.run_id, second.run_id)
    assert ask(study) is None


# what is told


@pytest.mark.parametrize("for_good", [True, False])
def test_a_trial_is_told_once(open_study, for_good):
    study = open_study()
    run_id = ask(study).run_id
    study.tell(run_id, 70.0)
    study.tell(run_id, 90.0)
    study.fail(run_id, "too late", for_good=for_good)
    [trial] = study.trials
    assert (trial.value, trial.state, trial.reason) == (70.0, State.DONE, "")


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_what_is_no_finite_number_is_a_failure(open_study, value):
    study = open_study()
    run_id = ask(study).run_id
    study.tell(run_id, value)
    [trial] = study.trials
    assert (trial.state, trial.value, trial.reason) == (
        State.FAILED, None, f"no finite dev figure, got {value}"
    )  # fmt: skip
    study.tell(run_id, 70.0)
    assert study.best is None


@pytest.mark.parametrize("for_good", [True, False])
def test_a_failure_keeps_its_reason_and_the_search_goes_on(open_study, for_good):
    study = open_study(trials=3)
    study.fail(ask(study).run_id, "out of memory", for_good=for_good)
    assert len(run_to_the_end(study)) == 2
    assert [trial.reason for trial in study.trials] == ["out of memory", "", ""]
    assert study.is_complete
    assert study.best.run_id != BASE.run_id
    assert study.gain is None  # nothing to compare with


@pytest.mark.parametrize("for_good", [True, False])
def test_without_any_value_there_is_no_best(open_study, for_good):
    study = open_study(trials=2)
    for _ in range(2):
        study.fail(ask(study).run_id, "broken", for_good=for_good)
    assert study.is_complete
    assert study.best is None
    assert study.gain is None


def test_a_run_that_was_never_asked_for_cannot_be_told(open_study):
    study = open_study()
    ask(study)
    with pytest.raises(ValueError, match="unknown run '0123456789ab'"):
        study.tell("0123456789ab", 1.0)


def test_of_equals_the_earliest_is_best(open_study):
    study = open_study(trials=4)
    ids = [ask(study).run_id for _ in range(4)]
    for run_id, value in zip(reversed(ids), [70.0, 72.0, 72.0, 71.0], strict=True):
        study.tell(run_id, value)
    assert (study.best.run_id, study.best.value) == (ids[1], 72.0)
    assert study.gain == 1.0  # trial 0 was told last: 71


# repeated runs


def test_a_repeated_run_is_told_what_the_first_was_told(open_study):
    study = open_study(space=FEW, sampler="random", trials=12)
    asked = run_to_the_end(study, value=lambda spec: 10 * spec.optimisation.epochs)
    assert [spec.optimisation.epochs for spec in asked].count(3) == 1
    assert len(asked) == len({spec.run_id for spec in asked}) == 3
    assert len(study.trials) == 12  # repetitions count, so that a small space has an end
    assert all(trial.value == 10 * trial.params["epochs"] for trial in study.trials)
    assert (study.best.run_id, study.best.value) == (BASE.run_id, 30)
    assert study.is_complete


def test_a_repetition_of_a_run_that_is_out_waits_for_it(open_study):
    study = open_study(space=FEW, sampler="random", trials=12)
    out = []
    while (spec := ask(study)) is not None:
        out.append(spec)
    assert len(out) == 3
    assert len(study.trials) == 12
    assert set(study.running) == {spec.run_id for spec in out}
    for spec in out:
        study.tell(spec.run_id, 10 * spec.optimisation.epochs)
    assert study.is_complete
    assert all(trial.value == 10 * trial.params["epochs"] for trial in study.trials)


@pytest.mark.parametrize("for_good", [True, False])
def test_a_repetition_of_a_failed_run_fails_alike(open_study, for_good):
    study = open_study(space=FEW, sampler="random", trials=12)
    while (spec := ask(study)) is not None:
        study.fail(spec.run_id, f"no {spec.optimisation.epochs:.0f}", for_good=for_good)
    assert len(study.trials) == 12
    assert study.is_complete
    assert all(trial.reason == f"no {trial.params['epochs']:.0f}" for trial in study.trials)


@pytest.mark.parametrize("told_first", [True, False])
def test_a_repetition_of_a_run_that_has_its_value_is_done_whatever_else_was_said_of_it(open_study, told_first):
    study = open_study(space=FEW, sampler="random", trials=12)
    run_id = ask(study).run_id
    calls = [lambda: study.tell(run_id, 30.0), lambda: study.fail(run_id, "its worker was lost", for_good=False)]
    for call in calls if told_first else reversed(calls):
        call()
    run_to_the_end(study, value=lambda spec: 10 * spec.optimisation.epochs)
    assert study.is_complete
    assert sum(trial.run_id == run_id for trial in study.trials) > 1
    assert all(trial.value == 10 * trial.params["epochs"] for trial in study.trials)


# samplers


def alone(name, sampler, parallel, trials=12, startup=3):
    """Values of Optuna by itself: same sampler, seeds by trial, and order of asking and telling."""
    study = optuna.create_study(direction="maximize")
    study.enqueue_trial({"learning_rate": 1e-5, "epochs": 3})
    values, out = [], []
    for number in range(trials):
        seed = int.from_bytes(hashlib.sha256(f"{name}/{number}".encode()).digest()[:4], "big")
        study.sampler = sampler(seed, startup)
        trial = study.ask()
        rate = trial.suggest_float("learning_rate", 3e-6, 3e-5, log=True)
        trial.suggest_int("epochs", 1, 6)
        out.append((trial, quality(rate)))
        values.append(quality(rate))
        if len(out) == parallel or number == trials - 1:
            for waiting, value in out:
                study.tell(waiting, value)
            out = []
    return values, study.best_value


@pytest.mark.parametrize("parallel", [1, 3])
@pytest.mark.parametrize(
    ("name", "sampler"),
    [
        ("tpe", lambda seed, startup: optuna.samplers.TPESampler(seed=seed, n_startup_trials=startup)),
        ("random", lambda seed, _: optuna.samplers.RandomSampler(seed=seed)),
        ("nsgaii", lambda seed, _: optuna.samplers.NSGAIISampler(seed=seed)),
    ],
)
def test_a_study_finds_what_optuna_alone_finds(open_study, name, sampler, parallel):
    study = open_study(sampler=name, trials=12, parallel=parallel)
    while not study.is_complete:
        out = []
        while (spec := ask(study)) is not None:
            out.append(spec)
        for spec in out:
            study.tell(spec.run_id, dev_figure(spec))
    values, best = alone(study.name, sampler, parallel)
    assert [trial.value for trial in study.trials] == values
    assert study.best.value == best
    assert study.gain == best - quality(1e-5)


def test_a_search_finds_a_better_learning_rate_than_the_configured_one(open_study):
    study = open_study(space={"learning_rate": RATE}, trials=15)
    run_to_the_end(study)
    assert study.trials[0].value == pytest.approx(80 - 10 * 0.3**2)  # 1e-5 is 0.3 decades from the peak
    assert study.best.value > 79.9  # within 0.1 decades


@pytest.mark.parametrize("name", ["tpe", "random", "qmc", "nsgaii", "nsgaiii"])
def test_a_search_says_nothing(open_study, capfd, name):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        study = open_study(sampler=name, trials=6)
        run_to_the_end(study)
        study.importances()
    assert [str(warning.message) for warning in caught] == []
    assert capfd.readouterr() == ("", "")


def test_every_sampler_of_the_table_is_one_of_optuna():
    # these need more than a space and a seed, or are no samplers by themselves
    others = {"BaseSampler", "BaseGASampler", "GridSampler", "PartialFixedSampler", "nsgaii"}
    assert set(SAMPLERS.values()) == set(optuna.samplers.__all__) - others


@pytest.mark.parametrize("settings", [{"space": {}}, {"trials": 0}])
def test_a_study_of_nothing_is_refused(open_study, settings):
    with pytest.raises(ValueError, match="nothing to search"):
        open_study(**settings)


def test_a_configured_run_outside_the_space_is_refused(open_study):
    with pytest.raises(ValueError, match="range 1 to 2 in whole numbers, which does not contain the configured 3"):
        open_study(space={"epochs": Interval(parameter="epochs", low=1, high=2)})


def test_trials_hold_what_their_runs_have(open_study):
    study = open_study()
    asked = run_to_the_end(study)
    for trial, spec in zip(study.trials, asked, strict=True):
        assert trial.params == assigned(spec.optimisation, SPACE)
        assert (trial.run_id, trial.value, trial.state) == (spec.run_id, dev_figure(spec), State.DONE)


# importances


def test_the_parameter_that_decides_the_value_is_the_more_important(open_study):
    study = open_study(sampler="random", trials=40)
    run_to_the_end(study)
    shares = study.importances()
    assert list(shares) == ["learning_rate", "epochs"]
    assert shares["learning_rate"] > 0.8
    assert sum(shares.values()) == pytest.approx(1.0)


def test_few_trials_equal_values_and_single_parameters_have_no_importances(open_study):
    three = open_study(trials=3)
    run_to_the_end(three)
    assert three.importances() == {}
    equal = open_study(sampler="random")
    run_to_the_end(equal, value=lambda spec: 70.0)
    assert equal.importances() == {}
    single = open_study(space={"learning_rate": RATE})
    run_to_the_end(single)
    assert single.importances() == {}


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("sweep.grid", {"optuna", "torch", "ray"}),
        ("sweep.planning.trials", {"optuna", "torch", "ray"}),  # asks whether samplers can draw
        ("sweep.studies.study", {"torch", "ray"}),
        ("sweep.command_line.run", {"torch", "ray"}),
    ],
)
def test_what_takes_long_to_import_is_imported_where_it_is_needed(module, unwanted):
    code = f"import sys, {module}; sys.exit(bool({unwanted} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

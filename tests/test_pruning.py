"""Pruning: compared at equal fractions of training, decided by Optuna's pruners, noted in the store, told once."""

from __future__ import annotations

import dataclasses
import io
import json
import logging
import math
from collections import Counter
from types import SimpleNamespace

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ray.tune.schedulers import TrialScheduler
from rich.console import Console

from analysis.searches import read_searches, searches_section
from search_spaces.config_file import ConfigError, apply_sets, dump_yaml, load_yaml
from search_spaces.presets import demo
from search_spaces.ranges import Choices
from search_spaces.search_fields import PRUNERS, SearchFields
from sweep.budget import counted
from sweep.journal import Journal
from sweep.pruning import PruningScheduler
from sweep.run import JOURNAL_FILE, run_plan
from sweep.rungs import RUNGS, figures, make_pruner
from sweep.samplers import make_sampler, seed
from sweep.scheduler import RunState
from sweep.searches import SearchScheduler
from sweep.studies import Study, TrialState
from tests import graphs
from tests.executors import attempts, learning_record
from tests.test_searches import TWO_CORES, fields
from tests.test_studies import BASE, FEW, SPACE, dev_figure
from trainables.phases.options import Options
from trainables.record import DevPoint
from trainables.store import LocalStore


def points(*pairs):
    return [DevPoint(step=step, selection=value, metrics={}) for step, value in pairs]


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path / "store").prepare()


@pytest.fixture
def open_study(tmp_path):
    """Opens studies on one journal, each time as a new driver would."""

    def make(**settings):
        chosen = {"base": BASE, "space": SPACE, "trials": 8, "startup": 2, "pruning": "median"} | settings
        return Study(journal=Journal(tmp_path / "studies.journal"), **chosen)

    return make


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


# searches


def pruning_fields(intermediate=0, target=0, pruning="median", **others):
    return fields(intermediate, target, pruning=pruning, **{"startup": 2, "parallel": 2} | others)


def scheduler(plan, search, store):
    return SearchScheduler(plan, search, store, Journal(store.root / JOURNAL_FILE), counted(plan, search))


def drive(found, store, stop_after_notes=math.inf):
    """Run everything as Ray would; returns run id -> steps made."""
    found.connect(TWO_CORES)
    live, made, notes = [], {}, 0
    while True:
        while run_id := found.start(now=float(len(made))):
            live.append((run_id, iter(learning_record(found.nodes[run_id].spec, "").dev_curve)))
        if not live:
            return made
        run_id, curve = live.pop(0)
        node = found.nodes[run_id]
        record = learning_record(node.spec, node.name)
        point = next(curve, None)
        if point is None:
            store.finish(record)
            found.finish(run_id)
            continue
        (store.work(run_id) / "checkpoint").write_text("")
        made[run_id] = point.step
        if found.report(run_id, point, record.planned_steps):
            notes += 1
            if notes >= stop_after_notes:
                return made  # killed before the study is told
            found.fail(run_id)
        else:
            live.append((run_id, curve))


@pytest.mark.parametrize("pruning", ["median", "hyperband"])
def test_trials_that_fall_behind_end_early_and_the_search_goes_on(store, pruning):
    plan = graphs.fan(["a", "b"], ["x"])
    found = scheduler(plan, pruning_fields(10, 6, pruning), store)
    made = drive(found, store)
    assert found.is_complete
    assert all(found.state(node_id) is RunState.DONE for node_id in plan.nodes)
    for node_id, search in found.searches.items():
        states = Counter(trial.state for trial in search.trials)
        assert sum(states.values()) == (6 if plan.nodes[node_id].parents else 10)
        assert set(states) == {TrialState.DONE, TrialState.PRUNED}
        assert search.trials[0].state is TrialState.DONE
        assert search.best.value == max(store.record(t.run_id).dev_curve[-1].selection
                                        for t in search.trials if t.state is TrialState.DONE)  # fmt: skip
        for trial in search.trials:
            noted = store.pruned(trial.run_id)
            assert not (store.root / "runs" / trial.run_id / ".work").exists()
            assert store.is_finished(trial.run_id) == (noted is None) == (trial.state is TrialState.DONE)
            assert found.run_state(trial.run_id) is RunState.DONE
            if noted:
                assert made[trial.run_id] < noted.planned_steps == 8
                assert [point.step for point in noted.dev_curve] == list(range(1, made[trial.run_id] + 1))
                assert noted.figure == noted.dev_curve[-1].selection
                assert noted.fraction == made[trial.run_id] / 8
                assert (noted.pruner, noted.study, noted.reason) == (pruning, search.study.name, trial.reason)
                assert noted.spec.run_id == trial.run_id
                assert noted.spec.parent == search.base.parent
    [told, *_] = found.told()
    assert {trial["state"] for trial in told["trials"]} == {"done", "pruned"}


def test_a_driver_killed_between_note_and_study_tells_it_once_and_runs_it_no_more(store):
    plan = graphs.fan(["a"], ["x"])
    search = pruning_fields(10, 6)
    made = drive(scheduler(plan, search, store), store, stop_after_notes=1)
    [noted] = [run_id for run_id in made if store.pruned(run_id)]
    assert (store.work(noted) / "checkpoint").exists()
    second = scheduler(plan, search, store)
    rest = drive(second, store)
    assert noted not in rest
    assert second.is_complete
    assert not (store.root / "runs" / noted / ".work").exists()
    [trial] = [trial for each in second.searches.values() for trial in each.trials if trial.run_id == noted]
    assert (trial.state, trial.reason) == (TrialState.PRUNED, store.pruned(noted).reason)
    number = [len(each.trials) for each in second.searches.values()]
    assert number == [10, 6]
    lines = [json.loads(line) for line in (store.root / JOURNAL_FILE).read_text().splitlines()]
    ends = [(line["trial_id"]) for line in lines if line["op_code"] == 6 and line["state"] != 0]
    assert len(ends) == len(set(ends)) == 16
    assert scheduler(plan, search, store).is_complete


def test_with_pruning_off_a_noted_run_is_computed_and_its_note_goes(store):
    plan = graphs.fan(["a"], [])
    made = drive(scheduler(plan, pruning_fields(10), store), store, stop_after_notes=1)
    [noted] = [run_id for run_id in made if store.pruned(run_id)]
    rest = drive(scheduler(plan, pruning_fields(10, pruning="off"), store), store)
    assert rest[noted] == 8
    assert store.is_finished(noted)
    assert store.pruned(noted) is None
    assert not (store.root / "runs" / noted / "pruned.json").exists()


def test_what_another_study_has_pruned_is_computed(store):
    plan = graphs.fan(["a"], [])
    search = pruning_fields(10)
    made = drive(scheduler(plan, search, store), store, stop_after_notes=1)
    [noted] = [run_id for run_id in made if store.pruned(run_id)]
    store.prune(dataclasses.replace(store.pruned(noted), study="another"))
    again = scheduler(plan, search, store)
    again.connect(TWO_CORES)
    assert noted in (again.start(0.0), again.start(0.0))


def test_finished_runs_of_the_store_are_compared_with(store):
    plan = graphs.fan(["a"], [])
    [node] = plan.nodes.values()
    record = learning_record(node.spec, node.name)
    store.finish(dataclasses.replace(record, dev_curve=record.dev_curve[:5], best_step=5))
    found = scheduler(plan, pruning_fields(3), store)
    [search] = found.searches.values()
    [trial, *_] = optuna.load_study(
        study_name=search.study.name, storage=Journal(store.root / JOURNAL_FILE).storage
    ).trials
    curve = [point.selection for point in record.dev_curve]
    assert trial.intermediate_values == dict(enumerate([*curve[:5], curve[4], curve[4]], start=1))


def test_a_resumed_run_is_noted_where_it_had_not_been(store):
    """A killed driver's run reports its earlier evaluations again; nothing is noted twice."""
    plan = graphs.fan(["a"], [])
    first = scheduler(plan, pruning_fields(4), store)
    first.connect(TWO_CORES)
    run_id = first.start(0.0)
    curve = learning_record(first.nodes[run_id].spec, "").dev_curve
    for point in curve[:3]:
        first.report(run_id, point, 8)
    second = scheduler(plan, pruning_fields(4), store)
    second.connect(TWO_CORES)
    assert second.start(0.0) == run_id
    for point in curve[:4]:
        second.report(run_id, point, 8)
    lines = [json.loads(line) for line in (store.root / JOURNAL_FILE).read_text().splitlines()]
    noted = [line["step"] for line in lines if "intermediate_value" in line]
    assert noted == [1, 2, 3, 4]


def test_the_last_evaluation_ends_nothing(store):
    plan = graphs.fan(["a"], [])
    found = scheduler(plan, pruning_fields(4, parallel=2, startup=1), store)
    found.connect(TWO_CORES)
    first, second = found.start(0.0), found.start(0.0)
    store.finish(learning_record(found.nodes[first].spec, ""))
    found.finish(first)
    assert not found.report(second, DevPoint(step=8, selection=0.0, metrics={}), 8)
    assert found.report(second, DevPoint(step=7, selection=0.0, metrics={}), 8)


def test_when_all_that_were_not_pruned_fail_the_node_says_so(store):
    plan = graphs.fan(["a"], [])
    found = scheduler(plan, pruning_fields(3), store)
    found.connect(TWO_CORES)
    [node_id] = plan.nodes
    search = found.searches[node_id]
    while run_id := found.start(0.0):
        if run_id == node_id:
            store.fail(run_id, "a", "broken")
        else:
            found._pruned[run_id] = "pruned at 1/8 of training: 1.0, by hyperband"
        found.fail(run_id)
    assert found.state(node_id) is RunState.FAILED
    assert search.why_failed == "all 1 trials that were not pruned (2 were) failed; the first: broken"


# Ray


class Broken:
    def report(self, run_id, point, planned_steps):
        raise OSError("disk full")


@pytest.mark.parametrize(
    ("searches", "result", "decision"),
    [
        (Broken(), {"selection": 50.0, "step": 1, "planned_steps": 8}, TrialScheduler.CONTINUE),
        (Broken(), {"selection": 50.0}, TrialScheduler.CONTINUE),
        (Broken(), {"failed": "reason"}, TrialScheduler.CONTINUE),
        (SimpleNamespace(report=lambda *_: True), {"selection": 50.0, "step": 1, "planned_steps": 8},
         TrialScheduler.STOP),
        (SimpleNamespace(report=lambda *_: False), {"selection": 50.0, "step": 1, "planned_steps": 8},
         TrialScheduler.CONTINUE),
    ],
)  # fmt: skip
def test_an_error_while_comparing_lets_the_run_go_on(searches, result, decision, caplog):
    trial = SimpleNamespace(config={"run_id": "abc"})
    with caplog.at_level(logging.ERROR):
        assert PruningScheduler(searches).on_trial_result(None, trial, result) == decision
    assert ("goes on" in caplog.text) == (isinstance(searches, Broken) and "selection" in result)


def test_on_ray_pruned_runs_stop_early_and_a_second_start_runs_none_of_them(store):
    plan = graphs.fan(["a"], ["x"])
    screen = io.StringIO()

    def sweep():
        return run_plan(
            plan, store, Options(data="demo", encoder="bundled"), address="local", results=store.root / "tune",
            name="test", console=Console(file=screen, width=100), executor="tests.executors:learning", cpus=2, gpus=0,
            search=pruning_fields(8, 4),
        )  # fmt: skip

    summary = sweep()
    assert summary.exit_code == 0, summary
    studies = read_searches(store.root)
    assert [len(study["trials"]) for study in studies] == [8, 4]
    trials = [trial for study in studies for trial in study["trials"]]
    pruned = [trial["run_id"] for trial in trials if trial["state"] == "pruned"]
    assert pruned
    assert len(summary.computed) + len(pruned) == 12
    for run_id in pruned:
        noted, folder = store.pruned(run_id), store.root / "runs" / run_id
        assert (folder / "steps").read_text() == str(len(noted.dev_curve))
        assert len(noted.dev_curve) < noted.planned_steps == 8
        assert not store.is_finished(run_id)
        assert not (folder / ".work").exists()
        assert f": {noted.reason.removeprefix('pruned ')}" in screen.getvalue()
    assert "failed" not in screen.getvalue()
    text = searches_section(studies)
    for study in studies:
        counted = sum(trial["state"] == "pruned" for trial in study["trials"])
        assert f"| {study['name']} | {len(study['trials'])} | {counted} | 0 |" in text
    again = sweep()
    assert (again.exit_code, again.computed) == (0, ())
    assert again.resolved == summary.resolved
    assert {attempts(store, trial["run_id"]) for trial in trials} == {1}


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

"""Pruning inside the graph: trials that fall behind end, are noted in the store, and are told once; also on Ray."""

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
from ray.tune.schedulers import TrialScheduler
from rich.console import Console

from analysis.searches import read_searches, searches_section
from sweep.budget import counted
from sweep.journal import Journal
from sweep.pruning import PruningScheduler
from sweep.run import JOURNAL_FILE, run_plan
from sweep.scheduler import RunState
from sweep.searches import SearchScheduler
from sweep.studies import TrialState
from tests import graphs
from tests.executors import attempts, learning_record
from tests.test_searches import TWO_CORES, fields
from trainables.phases.options import Options
from trainables.record import DevPoint
from trainables.store import LocalStore


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path / "store").prepare()


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


@pytest.mark.parametrize("pruning", ["median", "hyperband"])
def test_all_finished_runs_of_the_store_are_compared_with_at_every_rung(store, pruning):
    """A search that was made without pruning, told again to one that prunes."""
    plan = graphs.fan(["a"], [])
    drive(scheduler(plan, pruning_fields(10, pruning="off", sampler="random"), store), store)
    (store.root / JOURNAL_FILE).unlink()
    found = scheduler(plan, pruning_fields(10, pruning=pruning, sampler="random"), store)
    assert found.is_complete
    [search] = found.searches.values()
    trials = optuna.load_study(study_name=search.study.name, storage=Journal(store.root / JOURNAL_FILE).storage).trials
    curves = {trial.run_id: store.record(trial.run_id).dev_curve for trial in search.trials}
    assert [trial.intermediate_values for trial in trials] == [
        {point.step: point.selection for point in curves[trial.user_attrs["run_id"]][:7]} for trial in trials
    ]


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

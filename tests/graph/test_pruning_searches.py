"""Pruning inside the graph: trials that fall behind end, are noted in the store, and are told once."""

from __future__ import annotations

import dataclasses
import json
import math
from collections import Counter

import optuna
import pytest

from sweep.studies.journal import Journal
from tests.made import graphs
from tests.made.executors import learning_record
from tests.made.graphs import TWO_CORES, fields, graph_of
from trainables.ledger.record import DevPoint
from trainables.ledger.states import State


def pruning_fields(intermediate=0, target=0, pruning="median", **others):
    return fields(intermediate, target, pruning=pruning, **{"startup": 2, "parallel": 2} | others)


def drive(found, store, stop_after_notes=math.inf):
    """Run everything as Ray would; returns run id -> steps made."""
    found.resize(TWO_CORES)
    live, made, notes = [], {}, 0
    while True:
        while run_id := found.start(now=float(len(made))):
            live.append((run_id, iter(learning_record(found.runs[run_id].spec, "").dev_curve)))
        if not live:
            return made
        run_id, curve = live.pop(0)
        run = found.runs[run_id]
        record = learning_record(run.spec, run.name)
        point = next(curve, None)
        if point is None:
            store.finish(record)
            found.finish(run_id)
            continue
        (store.work(run_id) / "checkpoint").write_text("")
        made[run_id] = point.step
        if found.trials_of(run_id).report(run_id, point, record.planned_steps):
            notes += 1
            if notes >= stop_after_notes:
                return made  # killed before the study is told
            found.fail(run_id)
        else:
            live.append((run_id, curve))


@pytest.mark.parametrize("pruning", ["median", "hyperband"])
def test_trials_that_fall_behind_end_early_and_the_search_goes_on(store, pruning):
    plan = graphs.fan(["a", "b"], ["x"])
    found = graph_of(plan, store, pruning_fields(10, 6, pruning))
    made = drive(found, store)
    assert found.is_complete
    assert all(found.state(node_id) is State.DONE for node_id in plan.nodes)
    for node_id, search in found.trials.items():
        states = Counter(trial.state for trial in search.trials)
        assert sum(states.values()) == (6 if plan.nodes[node_id].parents else 10)
        assert set(states) == {State.DONE, State.PRUNED}
        assert search.trials[0].state is State.DONE
        assert search.result().best.value == max(store.record(t.run_id).dev_curve[-1].selection
                                        for t in search.trials if t.state is State.DONE)  # fmt: skip
        parents = plan.nodes[node_id].parents
        start = found.trials[parents[0]].winner if parents else ""
        for trial in search.trials:
            noted = store.pruned(trial.run_id)
            assert not (store.root / "runs" / trial.run_id / ".work").exists()
            assert store.is_finished(trial.run_id) == (noted is None) == (trial.state is State.DONE)
            assert found.end(trial.run_id) is trial.state
            if noted:
                assert made[trial.run_id] < noted.planned_steps == 8
                assert [point.step for point in noted.dev_curve] == list(range(1, made[trial.run_id] + 1))
                assert noted.figure == noted.dev_curve[-1].selection
                assert noted.fraction == made[trial.run_id] / 8
                assert (noted.pruner, noted.study, noted.reason) == (pruning, search._study.name, trial.reason)
                assert noted.spec.run_id == trial.run_id
                assert noted.spec.parent == start
        result = search.result()
        assert (result.node, result.winner, result.trials) == (node_id, search.winner, search.trials)


def test_a_driver_killed_between_note_and_study_tells_it_once_and_runs_it_no_more(store):
    plan = graphs.fan(["a"], ["x"])
    search = pruning_fields(10, 6)
    made = drive(graph_of(plan, store, search), store, stop_after_notes=1)
    [noted] = [run_id for run_id in made if store.pruned(run_id)]
    assert (store.work(noted) / "checkpoint").exists()
    second = graph_of(plan, store, search)
    rest = drive(second, store)
    assert noted not in rest
    assert second.is_complete
    assert not (store.root / "runs" / noted / ".work").exists()
    [trial] = [trial for each in second.trials.values() for trial in each.trials if trial.run_id == noted]
    assert (trial.state, trial.reason) == (State.PRUNED, store.pruned(noted).reason)
    number = [len(each.trials) for each in second.trials.values()]
    assert number == [10, 6]
    lines = [json.loads(line) for line in store.journal.read_text().splitlines()]
    ends = [(line["trial_id"]) for line in lines if line["op_code"] == 6 and line["state"] != 0]
    assert len(ends) == len(set(ends)) == 16
    assert graph_of(plan, store, search).is_complete


def test_with_pruning_off_a_noted_run_is_computed_and_its_note_goes(store):
    plan = graphs.fan(["a"], [])
    made = drive(graph_of(plan, store, pruning_fields(10)), store, stop_after_notes=1)
    [noted] = [run_id for run_id in made if store.pruned(run_id)]
    rest = drive(graph_of(plan, store, pruning_fields(10, pruning="off")), store)
    assert rest[noted] == 8
    assert store.is_finished(noted)
    assert store.pruned(noted) is None
    assert not (store.root / "runs" / noted / "pruned.json").exists()


def test_what_another_study_has_pruned_is_computed(store):
    plan = graphs.fan(["a"], [])
    search = pruning_fields(10)
    made = drive(graph_of(plan, store, search), store, stop_after_notes=1)
    [noted] = [run_id for run_id in made if store.pruned(run_id)]
    store.prune(dataclasses.replace(store.pruned(noted), study="another"))
    again = graph_of(plan, store, search)
    again.resize(TWO_CORES)
    assert noted in (again.start(0.0), again.start(0.0))


def test_finished_runs_of_the_store_are_compared_with(store):
    plan = graphs.fan(["a"], [])
    [node] = plan.nodes.values()
    record = learning_record(node.spec, node.name)
    store.finish(dataclasses.replace(record, dev_curve=record.dev_curve[:5], best_step=5))
    found = graph_of(plan, store, pruning_fields(3))
    [search] = found.trials.values()
    [trial, *_] = optuna.load_study(study_name=search._study.title, storage=Journal(store.journal).storage).trials
    curve = [point.selection for point in record.dev_curve]
    assert trial.intermediate_values == dict(enumerate([*curve[:5], curve[4], curve[4]], start=1))


@pytest.mark.parametrize("pruning", ["median", "hyperband"])
def test_all_finished_runs_of_the_store_are_compared_with_at_every_rung(store, pruning):
    """A search that was made without pruning, told again to one that prunes."""
    plan = graphs.fan(["a"], [])
    drive(graph_of(plan, store, pruning_fields(10, pruning="off", sampler="random")), store)
    store.journal.unlink()
    found = graph_of(plan, store, pruning_fields(10, pruning=pruning, sampler="random"))
    assert found.is_complete
    [search] = found.trials.values()
    trials = optuna.load_study(study_name=search._study.title, storage=Journal(store.journal).storage).trials
    curves = {trial.run_id: store.record(trial.run_id).dev_curve for trial in search.trials}
    assert [trial.intermediate_values for trial in trials] == [
        {point.step: point.selection for point in curves[trial.user_attrs["run_id"]][:7]} for trial in trials
    ]


def test_a_resumed_run_is_noted_where_it_had_not_been(store):
    """A killed driver's run reports its earlier evaluations again; nothing is noted twice."""
    plan = graphs.fan(["a"], [])
    first = graph_of(plan, store, pruning_fields(4))
    first.resize(TWO_CORES)
    run_id = first.start(0.0)
    curve = learning_record(first.runs[run_id].spec, "").dev_curve
    for point in curve[:3]:
        first.trials_of(run_id).report(run_id, point, 8)
    second = graph_of(plan, store, pruning_fields(4))
    second.resize(TWO_CORES)
    assert second.start(0.0) == run_id
    for point in curve[:4]:
        second.trials_of(run_id).report(run_id, point, 8)
    lines = [json.loads(line) for line in store.journal.read_text().splitlines()]
    noted = [line["step"] for line in lines if "intermediate_value" in line]
    assert noted == [1, 2, 3, 4]


def test_the_last_evaluation_ends_nothing(store):
    plan = graphs.fan(["a"], [])
    found = graph_of(plan, store, pruning_fields(4, parallel=2, startup=1))
    found.resize(TWO_CORES)
    first, second = found.start(0.0), found.start(0.0)
    store.finish(learning_record(found.runs[first].spec, ""))
    found.finish(first)
    assert not found.trials_of(second).report(second, DevPoint(step=8, selection=0.0, metrics={}), 8)
    assert found.trials_of(second).report(second, DevPoint(step=7, selection=0.0, metrics={}), 8)


def test_when_all_that_were_not_pruned_fail_the_node_says_so(store):
    plan = graphs.fan(["a"], [])
    found = graph_of(plan, store, pruning_fields(3))
    found.resize(TWO_CORES)
    [node_id] = plan.nodes
    search = found.trials[node_id]
    while run_id := found.start(0.0):
        if run_id == node_id:
            store.fail(run_id, "a", "broken")
        else:
            search._pruned[run_id] = "pruned at 1/8 of training: 1.0, by hyperband"
        found.fail(run_id)
    assert found.state(node_id) is State.FAILED
    assert search.why_failed == "all 1 trials that were not pruned (2 were) failed; the first: broken"

"""Searches inside the graph: trials, winners, children, restarts; on a made-up objective whose optimum is known."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import optuna
import pytest

from analysis.report.writer import chosen_plan
from sweep.cluster.summary import resolved
from sweep.graph.node import Single
from sweep.studies.samplers import make_sampler, seed
from tests.made import graphs
from tests.made.executors import quadratic_record
from tests.made.graphs import drive, fields, graph_of
from trainables.ledger.record import DivergedError
from trainables.ledger.standing import run_states
from trainables.ledger.states import State


def winners(found):
    """Node -> its winner."""
    return {node_id: trials.winner for node_id, trials in found.trials.items()}


def test_children_start_from_the_winner_of_their_parent_and_from_nothing_else(store):
    plan = graphs.fan(["a", "b"], ["x", "y"])
    found = graph_of(plan, store, fields(intermediate=5, target=3))
    ended = drive(found, store)
    assert found.is_complete
    assert len(ended) == len(set(ended)) == 2 * 5 + 4 * 3
    for node_id, node in plan.nodes.items():
        search = found.trials[node_id]
        done = [trial for trial in search.trials if trial.state is State.DONE]
        assert store.record(search.winner).dev_curve[0].selection == max(trial.value for trial in done)
        if node.parents:
            winner = found.trials[node.parents[0]].winner
            assert {store.record(trial.run_id).spec.parent for trial in done} == {winner}
    whole = resolved(found)
    assert set(whole.cells) == set(plan.cells)
    assert list(whole.nodes) == [found.trials[node_id].winner for node_id in plan.nodes]
    assert all(store.is_finished(run_id) for run_id in whole.nodes)
    assert {node.spec.parent for node in whole.nodes.values() if node.parents} == {
        found.trials[node_id].winner for node_id, node in plan.nodes.items() if not node.parents
    }


def test_a_node_without_a_budget_runs_once_as_it_is_configured(store):
    plan = graphs.fan(["a"], ["x"])
    found = graph_of(plan, store, fields(intermediate=3))
    drive(found, store)
    [target] = [node_id for node_id, node in plan.nodes.items() if node.parents]
    assert isinstance(found.trials[target], Single)
    assert len([run_id for run_id in found.runs if found.node_of(run_id) == target]) == 1
    best = store.record(found.trials[target].winner).spec
    assert best.optimisation == plan.nodes[target].spec.optimisation


def test_the_search_finds_as_good_a_value_as_optuna_alone(store):
    """Same sampler, seeds and number of trials, one after the other: the very same values."""
    plan = graphs.fan(["a"], [])
    found = graph_of(plan, store, fields(intermediate=14, parallel=1))
    drive(found, store)
    [search] = found.trials.values()
    alone = optuna.create_study(direction="maximize")
    alone.enqueue_trial({"learning_rate": 1e-5})
    for number in range(14):
        alone.sampler = make_sampler("tpe", seed(search._study.name, number), 5)
        trial = alone.ask()
        rate = trial.suggest_float("learning_rate", 1e-6, 1e-4, log=True)
        alone.tell(trial, 100 - 10 * math.log10(rate / 2e-5) ** 2)
    assert [trial.value for trial in search.trials] == pytest.approx([trial.value for trial in alone.trials])
    result = search.result()
    assert result.best.value == pytest.approx(alone.best_value)
    assert result.best.value > 99.5
    assert result.gain == pytest.approx(alone.best_value - (100 - 10 * math.log10(0.5) ** 2))


@pytest.mark.parametrize("killed_after", [1, 3, 7])
def test_a_killed_driver_loses_no_trial_and_tells_none_twice(store, killed_after):
    plan = graphs.fan(["a", "b"], ["x"])
    search = fields(intermediate=4, target=3)
    first = drive(graph_of(plan, store, search), store, most=killed_after)
    second = graph_of(plan, store, search)
    rest = drive(second, store)
    assert not set(first) & set(rest)
    assert second.is_complete
    for each in second.trials.values():
        assert [trial.number for trial in each.trials] == list(range(len(each.trials)))
        assert all(trial.state is State.DONE for trial in each.trials)
        assert all(trial.value == store.record(trial.run_id).dev_curve[0].selection for trial in each.trials)
    assert {id_: len(each.trials) for id_, each in second.trials.items()} == {
        node_id: 3 if node.parents else 4 for node_id, node in plan.nodes.items()
    }
    third = graph_of(plan, store, search)
    assert third.is_complete
    assert winners(third) == winners(second)
    assert resolved(third) == resolved(second)


def test_a_diverged_run_is_a_failed_trial_and_the_search_goes_on(store):
    plan = graphs.fan(["a"], ["x"])
    found = graph_of(plan, store, fields(intermediate=12, target=0, high=1e-2, startup=12))
    drive(found, store)
    assert found.is_complete
    [search] = [each for each in found.trials.values() if each.trials]
    states = Counter(trial.state for trial in search.trials)
    assert states[State.FAILED] > 0
    assert states[State.DONE] > 0
    assert {trial.reason for trial in search.trials if trial.state is State.FAILED} == {
        "ValueError: the loss is not finite"
    }
    assert all(found.state(node_id) is State.DONE for node_id in plan.nodes)


def test_a_search_without_any_success_fails_and_blocks_its_children_only(store):
    good, bad = graphs.node("good"), graphs.node("bad")
    plan = graphs.plan([good, bad, graphs.node("x", parent=good), graphs.node("x", parent=bad)])
    found = graph_of(plan, store, fields(intermediate=2, target=0))

    def compute(run):
        if "bad" in run.name:
            raise ValueError("broken")
        store.finish(quadratic_record(run.spec, run.name))

    drive(found, store, compute)
    states = {node.name: found.state(node_id) for node_id, node in plan.nodes.items()}
    assert states == {
        "good": State.DONE, "bad": State.FAILED, "good -> x #42": State.DONE, "bad -> x #42": State.BLOCKED,
    }  # fmt: skip
    assert found.trials[bad.run_id].why_failed == "all 2 trials failed; the first: ValueError: broken"


def test_a_setting_that_is_already_computed_is_not_computed_again(store):
    plan = graphs.fan(["a"], [])
    [node] = plan.nodes.values()
    store.finish(quadratic_record(node.spec, node.name))
    found = graph_of(plan, store, fields(intermediate=3))
    ended = drive(found, store)
    assert node.run_id not in ended
    assert len(ended) == 2
    [search] = found.trials.values()
    assert search.trials[0].run_id == node.run_id
    assert search.trials[0].state is State.DONE


# hours


def test_every_node_gets_the_trials_that_its_hours_pay_for_and_a_restart_the_same(store):
    """8 core-hours, spread by hand: `a` costs 1 hour a trial, its children 2."""
    parent = graphs.node("a", cost=3600)
    plan = graphs.plan([parent, *(graphs.node(task, parent=parent, cost=7200) for task in ("x", "y"))])
    search = fields(intermediate=4, gpu_hours=8)
    drive(graph_of(plan, store, search), store, most=3)
    measured = graphs.plan([replace(node, cost=3600 * 100) for node in plan.nodes.values()])
    found = graph_of(measured, store, search)
    drive(found, store)
    assert found.is_complete
    numbers = {node.name: len(found.trials[node_id].trials) for node_id, node in plan.nodes.items()}
    # two cells below `a`, of which 0.2 count: 0.4 * 0.564, 0.4 * 0.282, ... an hour; x and y 0.564 / 2, 0.282 / 2, ...
    # in order: x2 y2 (4 h), a2 (5 h), x3 (7 h); y3 no longer fits, a3 does (8 h)
    assert numbers == {"a": 3, "a -> x #42": 3, "a -> y #42": 2}


def test_a_study_with_more_trials_than_a_smaller_total_gives_is_complete(store):
    plan = graphs.plan([graphs.node("a", cost=3600)])
    first = graph_of(plan, store, fields(gpu_hours=5))
    drive(first, store)
    second = graph_of(plan, store, fields(gpu_hours=2))
    assert second.is_complete
    [search] = second.trials.values()
    assert len(search.trials) == 6
    assert winners(second) == winners(first)
    assert list(resolved(second).nodes) == list(resolved(first).nodes)


# what a killed driver leaves


def test_after_a_kill_the_plan_on_disk_holds_the_winners_so_far(store):
    """No driver ends here: what is on disk is what a SIGKILL would leave."""
    plan = graphs.fan(["a"], ["x"])
    search = fields(intermediate=4, target=3)
    store.save_plan(plan)
    found, _ = graphs.kept_graph(plan, store, search)
    ended = drive(found, store, most=5)
    kept = store.plan()
    [parent, child] = kept.nodes.values()
    values = {run_id: store.record(run_id).dev_curve[0].selection for run_id in ended[:4]}
    winner = max(values, key=values.get)
    assert winner not in plan.nodes  # the configured run does not win here
    assert parent.run_id == winner == child.spec.parent
    assert run_states(kept, store)[winner] == (State.DONE, "")
    assert chosen_plan(store, None) == kept
    assert (parent.trials, child.trials) == (4, 3)
    [study] = [study for study in store.studies() if study.winner]
    assert study.winner == winner
    store.save_plan(plan)
    graphs.kept_graph(plan, store, search)
    assert store.plan() == kept


def test_a_full_disk_when_a_winner_is_noted_ends_nothing(store, monkeypatch, caplog):
    def full(self, plan):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("trainables.ledger.store.Store.save_plan", full)
    found, _ = graphs.kept_graph(graphs.fan(["a"], ["x"]), store, fields(intermediate=2, target=2))
    drive(found, store)
    assert found.is_complete
    assert "No space left on device" in caplog.text


# a cause that has gone


def test_a_search_that_failed_wholly_is_tried_again_at_the_next_start(store):
    plan = graphs.fan(["a"], ["x"])
    search = fields(intermediate=3)
    full = graph_of(plan, store, search)
    ended = drive(full, store, no_space)
    assert len(ended) == 3
    assert {full.state(node_id) for node_id in plan.nodes} == {State.FAILED, State.BLOCKED}
    assert full.is_complete
    second = graph_of(plan, store, search)
    assert not second.is_complete
    again = drive(second, store)
    assert again[:3] == ended
    assert len(again) == 3 + 1
    assert {second.state(node_id) for node_id in plan.nodes} == {State.DONE}
    assert graph_of(plan, store, search).is_complete


def no_space(run):
    raise ValueError("no space left on device")


def test_single_trials_that_failed_are_asked_for_first_at_the_next_start_and_their_search_is_whole(store):
    """The winner of this driver is that of three trials; the fourth may be better, so its children are made again."""
    plan = graphs.fan(["a"], ["x"])
    search = fields(intermediate=4, parallel=1)
    first = graph_of(plan, store, search)
    failed = []

    def once_full(run):
        if run.number == 1:
            failed.append(run.run_id)
            no_space(run)
        store.finish(quadratic_record(run.spec, run.name))

    ended = drive(first, store, once_full)
    assert first.is_complete
    assert len(ended) == 4 + 1
    [intermediate, _] = plan.nodes
    assert [trial.state for trial in first.trials[intermediate].trials] == [
        State.DONE, State.FAILED, State.DONE, State.DONE
    ]  # fmt: skip
    second = graph_of(plan, store, search)
    assert list(second.runs) == failed
    drive(second, store)
    assert second.is_complete
    values = [trial.value for trial in second.trials[intermediate].trials]
    assert None not in values
    assert store.record(second.trials[intermediate].winner).dev_curve[0].selection == max(values)


def test_a_run_that_diverged_is_never_asked_for_again(store):
    plan = graphs.fan(["a"], [])
    search = fields(intermediate=3)

    def diverge(run):
        raise DivergedError("the loss is not finite")

    first = graph_of(plan, store, search)
    assert len(drive(first, store, diverge)) == 3
    second = graph_of(plan, store, search)
    assert second.is_complete
    assert second.runs == {}
    assert {second.state(node_id) for node_id in plan.nodes} == {State.FAILED}


def test_a_plain_run_is_tried_again_whatever_it_failed_of(store):
    plan = graphs.fan(["a"], ["x"])

    def diverge(run):
        raise DivergedError("the loss is not finite")

    drive(graph_of(plan, store), store, diverge)
    second = graph_of(plan, store)
    assert len(drive(second, store)) == 2
    assert second.is_complete

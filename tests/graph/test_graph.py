"""One graph for plain and searched nodes: what each asks for, what their ends mean, and what a run takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sweep.graph.capacity import Machine, UnplaceableError
from tests.made import graphs
from tests.made.executors import quadratic_record
from trainables.ledger.plan import Plan, Share
from trainables.ledger.states import State

QUARTER = Share(gpus=0.25, cpus=2)
CORES = [Machine(name="a", cpus=4), Machine(name="b", cpus=2)]
WITH_GPU = [Machine(name="a", cpus=4), Machine(name="g", cpus=4, gpus=1)]
SEARCHES = {"plain": graphs.fields(), "searched": graphs.fields(intermediate=3, target=2, parallel=4)}


def mixed(store, *searched):
    """The graph of `a` and `b`, each with a child `x`; the nodes named here have three trials, the others one."""
    plan = graphs.fan(["a", "b"], ["x"])
    whole = graphs.searched(plan, graphs.fields(intermediate=3, target=3))
    nodes = {node_id: whole.nodes[node_id] if node.name in searched else node for node_id, node in plan.nodes.items()}
    return graphs.graph_of(replace(plan, nodes=nodes), store)


def by_name(found, plan):
    return {node.name: found[node_id] for node_id, node in plan.nodes.items()}


# plain and searched side by side


def test_plain_and_searched_nodes_run_side_by_side(store):
    found = mixed(store, "a", "b -> x #42")
    assert {node.name: node.is_searched for node in found.plan.nodes.values()} == {
        "a": True, "a -> x #42": False, "b": False, "b -> x #42": True,
    }  # fmt: skip
    ended = graphs.drive(found, store)
    assert found.is_complete
    of_node = {node_id: [run for run in ended if found.node_of(run) == node_id] for node_id in found.plan.nodes}
    assert {name: len(runs) for name, runs in by_name(of_node, found.plan).items()} == {
        "a": 3, "a -> x #42": 1, "b": 1, "b -> x #42": 3,
    }  # fmt: skip
    for node_id, node in found.plan.nodes.items():
        trials = found.trials[node_id]
        values = {run_id: store.record(run_id).dev_curve[0].selection for run_id in of_node[node_id]}
        assert trials.winner == max(values, key=values.__getitem__)
        assert {found.end(run_id) for run_id in values} == {State.DONE}
        assert all(found.runs[run_id].name.startswith(node.name) for run_id in values)
        if node.parents:
            assert {store.record(run_id).spec.parent for run_id in values} == {found.trials[node.parents[0]].winner}


def test_a_plain_node_is_one_run_as_it_is_configured(store):
    found = mixed(store, "a")
    graphs.drive(found, store)
    trials = by_name(found.trials, found.plan)
    for name in ("b", "b -> x #42", "a -> x #42"):
        assert (trials[name].trials, trials[name].result()) == ((), None)
        winner = trials[name].winner
        assert (found.runs[winner].name, found.runs[winner].number) == (name, 0)
        [node] = [node for node in found.plan.nodes.values() if node.name == name]
        assert store.record(winner).spec.optimisation == node.spec.optimisation
    assert trials["b"].winner in found.plan.nodes
    assert [trial.state for trial in trials["a"].trials] == [State.DONE] * 3


@pytest.mark.parametrize("broken", ["a", "b"])
def test_a_failure_blocks_what_hangs_on_it_whether_it_is_searched_or_not(store, broken):
    found = mixed(store, "a")

    def compute(run):
        if run.name.startswith(broken) and not run.spec.parent:
            raise ValueError("labels are missing")
        store.finish(quadratic_record(run.spec, run.name))

    ended = graphs.drive(found, store, compute)
    other = "b" if broken == "a" else "a"
    states = {node.name: found.state(node_id) for node_id, node in found.plan.nodes.items()}
    assert states == {
        broken: State.FAILED, f"{broken} -> x #42": State.BLOCKED, other: State.DONE, f"{other} -> x #42": State.DONE,
    }  # fmt: skip
    assert len([run_id for run_id in ended if found.end(run_id) is State.FAILED]) == (3 if broken == "a" else 1)
    [failed] = [each for each in found.trials.values() if each.why_failed]
    assert "ValueError: labels are missing" in failed.why_failed
    assert not failed.winner


def test_a_second_graph_on_the_store_has_nothing_to_run(store):
    first = mixed(store, "a", "b -> x #42")
    graphs.drive(first, store)
    second = mixed(store, "a", "b -> x #42")
    assert second.is_complete
    assert second.runs == {}
    winners = [{node_id: each.trials[node_id].winner for node_id in each.plan.nodes} for each in (first, second)]
    assert winners[0] == winners[1]


def test_states_and_ends_while_it_goes(store):
    found = mixed(store, "a")
    ids = {node.name: node_id for node_id, node in found.plan.nodes.items()}
    assert {name: found.state(id_) for name, id_ in ids.items()} == {
        "a": State.READY, "b": State.READY, "a -> x #42": State.WAITING, "b -> x #42": State.WAITING,
    }  # fmt: skip
    assert found.start(0.0) is None, "no machine is there yet"
    assert not found.exhausted
    found.resize(graphs.TWO_CORES)
    started = [found.start(0.0), found.start(0.0)]
    assert set(started) == set(found.live)
    assert {found.end(run_id) for run_id in started} == {State.RUNNING}
    assert found.state(found.node_of(started[0])) is State.RUNNING


# what a run takes


def shared(store, search, machines):
    plan = graphs.fan(["a"], ["x"], share=QUARTER)
    return graphs.graph_of(plan, store, SEARCHES[search], machines=machines)


@pytest.mark.parametrize("search", SEARCHES)
def test_on_machines_without_gpus_runs_take_their_cores_alone_and_stay_so(store, search):
    """`a` holds two runs of two cores, `b` one; a GPU that joins later changes nothing for this sweep."""
    found = shared(store, search, CORES)
    expected = 3 if search == "searched" else 1
    started = [run_id for _ in range(4) if (run_id := found.start(0.0))]
    assert len(started) == expected
    assert {found.share_of(run_id) for run_id in started} == {Share(cpus=2)}
    assert all(not run.seat.gpus and run.seat.share == Share(cpus=2) for run in found.live.values())
    found.resize(WITH_GPU)
    assert found.fitted(QUARTER) == found.share_of(started[0]) == Share(cpus=2)
    for run_id in started:
        store.finish(quadratic_record(found.runs[run_id].spec, ""))
        found.finish(run_id)
    later = found.start(1.0)
    assert found.share_of(later) == found.live[later].seat.share == Share(cpus=2)


@pytest.mark.parametrize("search", SEARCHES)
def test_runs_that_were_ready_before_the_machines_are_fitted_too(store, search):
    found = shared(store, search, [])
    waiting = found.num_ready
    assert waiting == (3 if search == "searched" else 1)
    found.resize(CORES)
    assert found.num_ready == waiting
    assert found.share_of(found.start(0.0)) == Share(cpus=2)


@pytest.mark.parametrize("search", SEARCHES)
def test_a_cluster_that_had_gpus_is_not_taken_for_one_without(store, search):
    """Its GPUs are lost, say to a preemption: runs wait for them to come back."""
    found = shared(store, search, WITH_GPU)
    found.resize(CORES)
    assert found.fitted(QUARTER) == QUARTER
    assert found.start(0.0) is None
    assert not found.exhausted
    found.resize(WITH_GPU)
    run_id = found.start(1.0)
    assert found.share_of(run_id) == QUARTER
    assert found.live[run_id].seat.gpus == (0,)


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize(
    ("machines", "message"),
    [
        ([Machine(name="c", cpus=1)], "a asks for 0 GPUs and 2 CPU cores on one node; the largest node has 0 GPUs and"),
        ([Machine(name="g", cpus=1, gpus=1)], r"a asks for 0\.25 GPUs and 2 CPU cores on one node; the largest node"),
    ],
)
def test_a_run_that_fits_nowhere_is_named_and_nothing_starts(store, search, machines, message):
    found = shared(store, search, [])
    with pytest.raises(UnplaceableError, match=message):
        found.resize(machines)
    assert found.start(0.0) is None
    assert not found.live


def test_a_child_that_fits_nowhere_is_named_before_its_parent_runs(store):
    parent = graphs.node("a", share=QUARTER)
    child = graphs.node("x", parent=parent, share=Share(gpus=2.0))
    found = graphs.graph_of(graphs.plan([parent, child]), store)
    with pytest.raises(UnplaceableError, match="a -> x #42 asks for 2 GPUs"):
        found.resize(WITH_GPU)


def test_a_plan_without_nodes_is_complete(store):
    found = graphs.graph_of(Plan(nodes={}, cells={}), store, machines=CORES)
    assert found.is_complete
    assert found.exhausted
    assert found.start(0.0) is None

"""Encoders that were removed and are needed again: computed again before what needs them, and only then."""

from __future__ import annotations

import json

import pytest

from sweep.graph.simulation import simulate
from tests.made import graphs
from tests.made.leaving import holding, leave, leaving, record_of, sweep
from trainables.ledger.artefacts import ENCODER, Keep
from trainables.ledger.errors import RemovedError
from trainables.ledger.standing import run_states
from trainables.ledger.states import State

ONE, TWO = ["xnli"], ["xnli", "udpos"]


def fails(run):
    raise ValueError("the disk is full")


def names(graph, ended):
    return [graph.runs[run_id].name for run_id in ended]


def test_a_new_target_has_the_encoder_computed_again_before_it_and_nothing_else(store):
    sweep(graphs.fan(["squad"], ONE), store, Keep.SELECTED)
    assert holding(store) == {"squad -> xnli #42"}
    graph, ended = sweep(graphs.fan(["squad"], TWO), store, Keep.SELECTED)
    assert names(graph, ended) == ["squad", "squad -> udpos #42"]
    assert graph.is_complete
    [parent] = [run_id for run_id in store.run_ids() if store.record(run_id).name == "squad"]
    assert "computed again, bit for bit as before" in store.record(parent).notes
    assert holding(store) == {"squad -> xnli #42", "squad -> udpos #42"}


def test_without_anything_new_nothing_is_computed_again(store):
    sweep(graphs.fan(["squad", "qqp"], TWO), store, Keep.NONE)
    assert holding(store) == set()
    assert sweep(graphs.fan(["squad", "qqp"], TWO), store, Keep.NONE)[1] == []


def test_only_the_parent_of_a_child_that_is_computed_again_is(store):
    plan = graphs.fan(["squad", "qqp"], TWO)
    sweep(plan, store, Keep.NONE)
    child = next(run_id for run_id, node in plan.nodes.items() if node.name == "qqp -> udpos #42")
    store.recompute(child)
    graph, ended = sweep(plan, store, Keep.NONE)
    assert names(graph, ended) == ["qqp", "qqp -> udpos #42"]


def test_children_wait_and_the_board_sees_it_run(store):
    sweep(graphs.fan(["squad"], ONE), store, Keep.NONE)
    plan = graphs.fan(["squad"], TWO)
    parent, _, child = plan.nodes
    graph = graphs.graph_of(plan, store, machines=graphs.TWO_CORES)
    assert (graph.state(parent), graph.state(child), graph.is_complete) == (State.READY, State.READY, False)
    assert graph.start(0.0) == parent
    assert (graph.start(0.0), graph.state(parent), graph.is_again(parent)) == (None, State.RUNNING, True)
    leaving(store)(graph.runs[parent])
    graph.finish(parent)
    assert (graph.state(parent), graph.start(0.0), graph.is_again(parent)) == (State.DONE, child, False)


def test_one_that_cannot_be_computed_again_keeps_its_record_and_blocks_what_waits_with_the_reason(store):
    sweep(graphs.fan(["squad"], ONE), store, Keep.NONE)
    plan = graphs.fan(["squad"], [*TWO, "panx"])
    parent, done, *others = plan.nodes
    before = store.record(parent)
    graph, ended = sweep(plan, store, Keep.NONE, compute=fails)
    assert ended == [parent]
    assert store.record(parent) == before
    assert [graph.state(node_id) for node_id in plan.nodes] == [State.DONE, State.DONE, State.BLOCKED, State.BLOCKED]
    assert graph.is_complete
    assert graph.exhausted
    states = run_states(plan, store)
    assert [states[node_id].state for node_id in (parent, done)] == [State.DONE, State.DONE]
    for each in others:
        assert states[each].state is State.BLOCKED
        assert states[each].reason.startswith("the encoder of squad was removed and could not be computed again: Value")
    again, ended = sweep(plan, store, Keep.NONE)
    assert len(ended) == 3
    assert again.is_complete
    assert {state.state for state in run_states(plan, store).values()} == {State.DONE}


def test_a_searched_parent_has_its_winner_computed_again_and_no_loser(store):
    search = graphs.fields(intermediate=4)
    _, ended = sweep(graphs.fan(["squad"], ONE), store, Keep.NONE, search)
    [winner] = [study.winner for study in store.studies()]
    assert len(ended) == 5
    second, ended = sweep(graphs.fan(["squad"], TWO), store, Keep.NONE, search)
    assert ended[0] == winner
    assert [second.runs[run_id].spec.tasks for run_id in ended] == [("squad",), ("udpos",)]


def test_more_trials_of_a_child_have_the_encoder_computed_again(store):
    plan = graphs.fan(["squad"], ONE)
    sweep(plan, store, Keep.NONE, graphs.fields(target=2))
    graph, ended = sweep(plan, store, Keep.NONE, graphs.fields(target=4))
    assert [graph.runs[run_id].spec.tasks for run_id in ended] == [("squad",), ("xnli",), ("xnli",)]
    assert graph.is_complete


def test_a_searched_child_whose_parent_cannot_be_computed_again_goes_on_at_the_next_start(store):
    plan, search = graphs.fan(["squad"], ONE), graphs.fields(target=4)
    sweep(plan, store, Keep.NONE, graphs.fields(target=2))
    _, child = plan.nodes
    graph, _ = sweep(plan, store, Keep.NONE, search, compute=fails)
    assert graph.state(child) is State.BLOCKED
    graph, ended = sweep(plan, store, Keep.NONE, search)
    assert [graph.runs[run_id].spec.tasks for run_id in ended] == [("squad",), ("xnli",), ("xnli",)]


def test_a_chain_of_removed_encoders_is_computed_again_from_its_beginning(store):
    nodes = [graphs.node("squad")]
    for name in ("qqp", "ccg"):
        nodes.append(graphs.node(name, parent=nodes[-1]))
    plan = graphs.plan(nodes)
    graphs.drive(graphs.graph_of(plan, store), store, leaving(store))
    for run_id in list(plan.nodes)[:2]:
        store.remove(run_id, ENCODER, "not needed")
    store.recompute(list(plan.nodes)[2])
    graph = graphs.graph_of(plan, store)
    assert graphs.drive(graph, store, leaving(store)) == list(plan.nodes)
    for run_id in list(plan.nodes)[:2]:
        store.remove(run_id, ENCODER, "not needed")
    store.recompute(list(plan.nodes)[2])
    graph = graphs.graph_of(plan, store)
    assert graphs.drive(graph, store, fails) == list(plan.nodes)[:1]
    assert graph.is_complete


def test_a_parent_outside_the_plan_cannot_be_computed_again_and_says_so(store):
    parent = graphs.node("squad")
    leave(store, parent.spec, record_of(parent.spec, "squad", 50.0))
    store.remove(parent.run_id, ENCODER, "not needed")
    child = graphs.node("xnli", parent=parent)
    graph = graphs.graph_of(graphs.plan([child]), store, machines=graphs.TWO_CORES)
    assert graph.start(0.0) == child.run_id
    with pytest.raises(RemovedError, match="not needed"):
        leaving(store)(graph.runs[child.run_id])


def test_on_paper_it_takes_the_time_of_both(store):
    """A parent of 2 s whose encoder was removed, a child that is done and one of 1 s that is not."""
    plan = graphs.fan(["squad"], TWO)
    parent, done, left = plan.nodes
    needed = {parent: 0, done: 0, left: 1}
    assert simulate(plan, graphs.TWO_CORES, left=needed).makespan == 1
    table = simulate(plan, graphs.TWO_CORES, left=needed, lacks=[parent])
    assert (table.starts, table.makespan) == ({parent: 0, left: 2}, 3)
    assert simulate(plan, graphs.TWO_CORES, left=dict.fromkeys(plan.nodes, 0), lacks=[parent]).makespan == 0


# what another sweep of the store needs


def test_what_another_sweep_needs_is_left_to_it(store):
    plan = graphs.fan(["squad", "qqp"], TWO)
    sweep(plan, store, Keep.ALL)
    sweep(graphs.fan(["squad"], ONE), store, Keep.NONE)
    assert len(holding(store)) == 6
    sweep(plan, store, Keep.NONE)
    assert holding(store) == set()


def test_a_plan_that_cannot_be_read_may_need_everything(store):
    sweep(graphs.fan(["qqp"], ONE), store, Keep.ALL)
    [other] = store.sweeps()
    path = store.root / "plans" / f"{other}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
    sweep(graphs.fan(["squad"], ONE), store, Keep.NONE)
    assert holding(store) == {"qqp", "qqp -> xnli #42", "squad", "squad -> xnli #42"}


def test_a_sweep_that_has_grown_takes_the_place_of_the_one_before(store):
    search = graphs.fields(intermediate=3, target=2)
    sweep(graphs.fan(["squad"], ONE), store, Keep.SELECTED, search)
    graph, _ = sweep(graphs.fan(["squad", "qqp"], TWO), store, Keep.SELECTED, search)
    kept = {run_id for run_id in store.run_ids() if store.holds(run_id, ENCODER)}
    assert len(store.sweeps()) == 2
    assert len(kept) == 2
    assert {store.record(run_id).spec.tasks for run_id in kept} == {("xnli",), ("udpos",)}
    assert graph.is_complete

"""Chains: intermediate runs that start from intermediate runs; what waits, what is computed again, what stays."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sweep.cluster.run import NO_SEARCH, make_graph
from sweep.graph.retention import Retention
from sweep.graph.simulation import simulate
from tests.made import graphs, races
from tests.made.data import plan
from tests.made.leaving import holding, leaving, sweep
from tests.made.records import record
from trainables.ledger.artefacts import ENCODER, Keep
from trainables.ledger.spec import Phase, Retrieval
from trainables.ledger.standing import run_states
from trainables.ledger.states import State


def chain(targets, method=""):
    """squad, squad>qqp, and their targets."""
    first = graphs.stage("squad", cost=4.0)
    second = graphs.stage("qqp", first, method=method, cost=2.0)
    nodes = [first, second]
    nodes += [graphs.node(target, parent=parent) for parent in (first, second) for target in targets]
    return graphs.plan(nodes)


def names(graph, ended):
    return [graph.runs[run_id].name for run_id in ended]


def test_a_chain_runs_from_its_beginning_and_each_stage_once(store):
    graph, ended = sweep(chain(["xnli"]), store, Keep.ALL)
    assert sorted(names(graph, ended)) == ["squad", "squad -> xnli #42", "squad>qqp", "squad>qqp -> xnli #42"]
    order = names(graph, ended)
    assert order.index("squad") < order.index("squad>qqp") < order.index("squad>qqp -> xnli #42")
    assert order.index("squad") < order.index("squad -> xnli #42")
    assert graph.is_complete


def test_a_failed_first_stage_blocks_the_whole_chain(store):
    def fails(run):
        raise ValueError("labels are missing")

    made = chain(["xnli"])
    graph, ended = sweep(made, store, Keep.ALL, compute=fails)
    assert names(graph, ended) == ["squad"]
    states = [standing.state for standing in run_states(made, store).values()]
    assert states == [State.FAILED, State.BLOCKED, State.BLOCKED, State.BLOCKED]


def test_the_winner_of_a_searched_first_stage_is_what_the_second_starts_from(store):
    made = chain(["xnli"])
    graph, ended = sweep(made, store, Keep.ALL, graphs.fields(intermediate=3))
    first, second, *targets = made.nodes
    [winner] = [study.winner for study in store.studies() if study.node == first]
    assert {graph.runs[run_id].spec.parent for run_id in ended if graph.node_of(run_id) == second} == {winner}
    last = graph.trials[second].winner
    assert {graph.runs[run_id].spec.parent for run_id in ended if graph.node_of(run_id) == targets[1]} == {last}


def test_a_target_below_a_searched_first_stage_waits_even_if_its_configured_run_is_done(store):
    """Its parent is not searched, but starts from whatever wins above it."""
    made = chain(["xnli"])
    sweep(made, store, Keep.ALL)
    graph, _ = sweep(made, store, Keep.ALL, graphs.fields(intermediate=3))
    assert graph.is_complete
    first, second, _, target = made.nodes
    assert graph.trials[target].winner_spec.parent == graph.trials[second].winner
    assert graph.trials[second].winner_spec.parent == graph.trials[first].winner


def test_the_encoder_of_a_stage_goes_when_the_next_stage_and_its_targets_are_done(store):
    sweep(chain(["xnli"]), store, Keep.NONE)
    assert holding(store) == set()
    again, ended = sweep(chain(["xnli"]), store, Keep.NONE)
    assert ended == []
    assert again.is_complete


def test_a_new_target_of_the_last_stage_has_the_whole_chain_computed_again_and_removed_again(store):
    sweep(chain(["xnli"]), store, Keep.NONE)
    graph, ended = sweep(chain(["xnli", "udpos"]), store, Keep.NONE)
    order = names(graph, ended)
    assert sorted(order) == ["squad", "squad -> udpos #42", "squad>qqp", "squad>qqp -> udpos #42"]
    assert order.index("squad") < order.index("squad>qqp") < order.index("squad>qqp -> udpos #42")
    assert graph.is_complete
    assert holding(store) == set()


def test_the_first_stage_stays_until_the_second_is_computed_again(store):
    """Nothing else starts from it: its only child has its record already."""
    first = graphs.stage("squad")
    second = graphs.stage("qqp", first)

    def of(*targets):
        return graphs.plan([first, second, *(graphs.node(target, parent=second) for target in targets)])

    sweep(of("xnli"), store, Keep.NONE)
    graph, ended = sweep(of("xnli", "udpos"), store, Keep.NONE)
    assert names(graph, ended) == ["squad", "squad>qqp", "squad>qqp -> udpos #42"]
    assert graph.is_complete
    assert holding(store) == set()


METHODS = pytest.mark.parametrize("method", ["", "lora", "adapter"])
"""No folder of an encoder needs another's, whatever was trained of it (tests/engine/test_adapted_runs.py)."""


@METHODS
def test_an_encoder_goes_as_soon_as_the_next_stage_has_ended(store, method):
    first = graphs.stage("squad")
    second = graphs.stage("qqp", first, method=method)
    made = graphs.plan([first, second, graphs.node("xnli", parent=second)])
    retention = Retention(made, Keep.NONE, lambda run_id, cell, beside: 50.0)
    gone = {}

    def ended(graph, run_id):
        gone[run_id] = [removal.run_id for removal in retention.after(graph, run_id)]

    graphs.drive(make_graph(made, store, NO_SEARCH, on_end=ended), store, leaving(store))
    assert gone[second.run_id] == [first.run_id]
    assert second.run_id in gone[list(gone)[-1]]


@METHODS
def test_a_new_target_of_a_later_stage_needs_no_earlier_one(store, method):
    first = graphs.stage("squad")
    second = graphs.stage("qqp", first, method=method)

    def of(*targets):
        return graphs.plan([first, second, *(graphs.node(target, parent=second) for target in targets)])

    sweep(of("xnli"), store, Keep.ALL)
    store.remove(first.run_id, ENCODER, "not needed")
    graph, ended = sweep(of("xnli", "udpos"), store, Keep.ALL)
    assert [graph.runs[run_id].spec.tasks for run_id in ended] == [("udpos",)]
    assert graph.is_complete


@METHODS
def test_the_encoder_that_may_be_selected_is_that_of_the_last_stage_alone(store, method):
    """Of a retrieval target there is no other model than the encoder that it embeds with."""
    first = graphs.stage("squad")
    second = graphs.stage("qqp", first, method=method)
    child = graphs.node("tatoeba", parent=second)
    spec = replace(child.spec, phase=Phase.RETRIEVAL, optimisation=None, retrieval=Retrieval(layer=1))
    made = graphs.plan([first, second, replace(child, spec=spec)])
    retention = Retention(made, Keep.SELECTED, lambda run_id, cell, beside: 50.0)
    gone = []
    graph = make_graph(made, store, NO_SEARCH, on_end=lambda *ended: gone.extend(retention.after(*ended)))
    graphs.drive(graph, store, lambda run: store.finish(record(run.spec)))
    assert graph.is_complete
    assert [removal.run_id for removal in gone] == [first.run_id]


def test_a_later_stage_is_done_although_the_first_is_not_and_waits_for_it(store):
    made = chain(["xnli"])
    sweep(made, store, Keep.NONE)
    store.recompute(next(iter(made.nodes)))
    graph, ended = sweep(chain(["xnli", "udpos"]), store, Keep.NONE)
    order = names(graph, ended)
    assert order.index("squad") < order.index("squad>qqp") < order.index("squad>qqp -> udpos #42")
    assert graph.is_complete


def test_a_chain_on_paper_takes_as_long_as_its_stages_one_after_another():
    made = chain(["xnli"])
    assert simulate(made, graphs.TWO_CORES).makespan == 4.0 + 2.0 + 1.0


@pytest.mark.parametrize(
    ("quality", "dropped"),
    [
        ({"none": 0.7, "squad": 0.3, "squad>qqp": 0.75}, {"squad -> xnli #2"}),
        ({"none": 0.7, "squad": 0.75, "squad>qqp": 0.3}, {"squad>qqp #2", "squad>qqp -> xnli #2"}),
        ({"none": 0.75, "squad": 0.3, "squad>qqp": 0.3},
         {"squad #2", "squad -> xnli #2", "squad>qqp #2", "squad>qqp -> xnli #2"}),
    ],
)  # fmt: skip
def test_a_race_drops_a_stage_when_no_row_needs_it(store, quality, dropped):
    found = plan("grid.intermediates=none,squad,squad>qqp", "grid.mlm=off", "grid.targets=xnli", "grid.seeds=1,2")
    store.save_plan(found)
    graph = races.graph_of(found, store)
    races.drive(graph, store, quality)
    assert graph.is_complete
    names = {node.name for node_id, node in found.nodes.items() if graph.state(node_id) is State.DROPPED}
    assert names == dropped
    told = run_states(found, store)
    assert {node.name for node_id, node in found.nodes.items() if told[node_id].state is State.DROPPED} == dropped

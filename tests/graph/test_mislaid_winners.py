"""A winner of a search whose record is gone or broken is computed again; one that is damaged is no one's parent."""

from __future__ import annotations

import json

import pytest

from tests.made import graphs
from trainables.ledger.states import State


@pytest.fixture
def searched(store):
    """A store in which `squad` was searched and `xnli` computed from the winner, its plan and the winner's id."""
    plan, search = graphs.fan(["squad"], ["xnli"]), graphs.fields(intermediate=4)
    graph, keeper = graphs.kept_graph(plan, store, search)
    graphs.drive(graph, store, graphs.compute_quadratic(store))
    keeper.keep(graph)
    [study] = store.studies()
    return plan, search, study.winner


def again(searched, store):
    plan, search, _ = searched
    graph, _ = graphs.kept_graph(plan, store, search)
    return graph


@pytest.mark.parametrize("loss", ["gone", "broken"])
def test_the_winner_is_computed_again_and_nothing_else(store, searched, loss):
    plan, _, winner = searched
    path = store.root / "runs" / winner / "record.json"
    before = path.read_text()
    if loss == "gone":
        path.unlink()
    else:
        path.write_text(before[: len(before) // 2])
    graph = again(searched, store)
    assert not graph.is_complete
    ended = graphs.drive(graph, store, graphs.compute_quadratic(store))
    assert ended == [winner]
    assert graph.is_complete
    assert [graph.state(node_id) for node_id in plan.nodes] == [State.DONE, State.DONE]
    assert json.loads(path.read_text())["run_id"] == winner


def test_a_loser_that_is_gone_is_not_missed(store, searched):
    _, _, winner = searched
    [study] = store.studies()
    loser = next(trial.run_id for trial in study.trials if trial.run_id != winner)
    (store.root / "runs" / loser / "record.json").unlink()
    graph = again(searched, store)
    assert graph.is_complete
    assert not store.is_finished(loser)


def test_a_winner_that_cannot_be_computed_again_blocks_its_children_with_the_reason(store, searched):
    plan, _, winner = searched
    node_id, child = plan.nodes
    for run_id in store.run_ids():
        if run_id == winner or store.record(run_id).spec.parent == winner:
            (store.root / "runs" / run_id / "record.json").unlink()

    def fails(run):
        raise ValueError("the disk is full")

    graph = again(searched, store)
    graphs.drive(graph, store, fails)
    assert (graph.state(node_id), graph.state(child)) == (State.FAILED, State.BLOCKED)
    assert "the disk is full" in graph.trials[node_id].why_failed


def test_a_damaged_winner_has_no_new_children_until_it_is_computed_again(store, searched):
    plan, _, winner = searched
    node_id, child = plan.nodes
    [of_winner] = [run_id for run_id in store.run_ids() if store.record(run_id).spec.parent == winner]
    (store.root / "runs" / of_winner / "record.json").unlink()
    (store.root / "runs" / winner / "damage.json").write_text('{"name": "squad", "reason": "a bit has flipped"}')
    graph = again(searched, store)
    assert (graph.state(node_id), graph.state(child)) == (State.FAILED, State.BLOCKED)
    assert graph.trials[node_id].why_failed == "a bit has flipped"
    store.recompute(winner)
    graph = again(searched, store)
    assert graphs.drive(graph, store, graphs.compute_quadratic(store)) == [winner, of_winner]
    assert graph.is_complete

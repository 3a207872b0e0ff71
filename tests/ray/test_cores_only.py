"""Runs that ask for shares of a GPU, on a cluster without any: they take cores alone, and the terminal says so."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from search_spaces.search_fields import SearchFields
from sweep.cluster.driver import NO_GPU
from sweep.cluster.run import NO_SEARCH, Place, run_plan
from sweep.cluster.summary import Summary
from sweep.graph.capacity import UnplaceableError
from tests.made import graphs
from trainables.ledger.plan import Plan, Share
from trainables.ledger.states import State
from trainables.ledger.store import Store
from trainables.phases.options import Options

HALF, TWO = Share(gpus=0.5), Share(gpus=2.0, cpus=2)


def sweep(
    plan: Plan, store: Store, search: SearchFields = NO_SEARCH, executor: str = "quadratic"
) -> tuple[Summary, str]:
    """How the sweep ended, and what the terminal says."""
    output = io.StringIO()
    summary = run_plan(
        graphs.searched(plan, search, store),
        store,
        Options(data="demo", encoder="bundled", device="cuda", executor=f"tests.made.executors:{executor}"),
        Place(results=store.root / "tune", name="test", cpus=2, gpus=0),
        Console(file=output, width=100),
        search=search,
    )
    return summary, output.getvalue()


def mixed_fan(*names: str) -> Plan:
    """Intermediate runs on half a GPU, their targets on two GPUs and on none."""
    nodes = []
    for name in names:
        parent = graphs.node(name, cost=2.0, share=HALF)
        nodes += [parent, graphs.node("x", parent=parent, share=TWO), graphs.node("y", parent=parent)]
    return graphs.plan(nodes)


@pytest.mark.timeout(120)
def test_a_plain_sweep_runs_to_the_end_on_cores(store: Store) -> None:
    plan = mixed_fan("a", "b")
    summary, said = sweep(plan, store, executor="empty")
    assert (summary.exit_code, summary.stopped) == (0, "")
    assert summary.done == summary.computed == tuple(plan.nodes)
    assert said.splitlines()[0] == NO_GPU
    assert said.count(NO_GPU) == 1
    assert {node.share for node in summary.plan.nodes.values()} == {HALF, TWO, Share()}, "for a cluster with GPUs"
    notes = "".join(note for run_id in plan.nodes for note in store.record(run_id).notes)
    assert notes.count('"gpus": ""') == len(plan.nodes), "no run may see a GPU"


@pytest.mark.timeout(120)
def test_a_searched_sweep_runs_to_the_end_on_cores(store: Store) -> None:
    plan, search = mixed_fan("a"), graphs.fields(intermediate=3, target=2, parallel=2)
    summary, said = sweep(plan, store, search)
    assert (summary.exit_code, summary.stopped) == (0, "")
    assert summary.done == tuple(plan.nodes)
    assert said.count(NO_GPU) == 1
    assert {study.node: len(study.trials) for study in store.studies()} == {
        node_id: 2 if node.parents else 3 for node_id, node in plan.nodes.items()
    }
    assert {trial.state for study in store.studies() for trial in study.trials} == {State.DONE}


def test_more_cores_than_there_are_stay_impossible(store: Store) -> None:
    plan = graphs.plan([graphs.node("wide", share=Share(gpus=0.5, cpus=3))])
    with pytest.raises(UnplaceableError, match="wide asks for 0 GPUs and 3 CPU cores on one node"):
        graphs.graph_of(plan, store, machines=graphs.TWO_CORES)

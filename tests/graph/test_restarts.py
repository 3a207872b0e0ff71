"""What a driver that is started again makes of a store: damaged records, passing failures, interrupts, long chains."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from rich.console import Console

from search_spaces.search_fields import SearchFields
from sweep.cluster.place import Place
from sweep.cluster.run import run_plan
from sweep.graph.capacity import Machine
from sweep.graph.simulation import simulate
from sweep.planning.outlook import look_at
from tests.made import graphs
from trainables.ledger.plan import Plan
from trainables.ledger.record import DivergedError
from trainables.ledger.states import State
from trainables.phases.options import Options

MANY_CORES = [Machine(name="here", cpus=64)]
OPTIONS = Options(data="demo", encoder="bundled")


def broken(store, run_id):
    path = store.root / "runs" / run_id / "record.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))


def test_no_child_starts_before_its_parent_where_both_have_records_that_cannot_be_read(store):
    plan = graphs.fan(["squad", "qqp"], ["xnli", "udpos"])
    graphs.drive(graphs.graph_of(plan, store), store)
    for run_id in store.run_ids():
        broken(store, run_id)
    again = graphs.graph_of(plan, store, machines=MANY_CORES)
    started = {again.runs[run_id].name for run_id in iter(lambda: again.start(0.0), None)}
    assert started == {"squad", "qqp"}


def test_a_child_that_has_its_record_is_done_whatever_becomes_of_its_parent(store):
    plan = graphs.fan(["squad"], ["xnli"])
    graphs.drive(graphs.graph_of(plan, store), store)
    parent, child = plan.nodes
    broken(store, parent)

    def fails(run):
        raise ValueError("the disk is full")

    again = graphs.graph_of(plan, store)
    assert graphs.drive(again, store, fails) == [parent]
    assert (again.state(parent), again.state(child)) == (State.FAILED, State.DONE)


def test_the_plan_counts_a_trial_that_will_be_asked_for_again_as_left(store):
    plan, search = graphs.fan(["squad"], ["xnli"]), graphs.fields(intermediate=3)
    compute, failures = graphs.compute_quadratic(store), {1: ValueError("disk full"), 2: DivergedError("not finite")}

    def one_fails(run):
        if run.number in failures and not run.spec.parent:
            raise failures[run.number]
        compute(run)

    graph, keeper = graphs.kept_graph(plan, store, search)
    graphs.drive(graph, store, one_fails)
    keeper.keep(graph)
    assert graph.is_complete
    found = look_at(graphs.searched(plan, search, store), store)
    [searched] = [run_id for run_id, node in found.plan.nodes.items() if node.is_searched]
    assert found.trials_left(searched) == 1
    again, _ = graphs.kept_graph(plan, store, search)
    again.resize(graphs.TWO_CORES)
    assert not again.is_complete
    assert again.num_ready == 1


def test_an_interrupt_while_studies_open_ends_with_a_summary(store, tmp_path, monkeypatch):
    plan = graphs.fan(["squad"], ["xnli"])

    def interrupted(*arguments, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr("sweep.cluster.run.Graph", interrupted)
    place = Place(results=tmp_path, name="test")
    summary = run_plan(plan, store, OPTIONS, place, Console(), search=SearchFields())
    assert (summary.stopped, summary.exit_code) == ("interrupted", 130)
    assert summary.not_started == tuple(plan.nodes)
    with store.driver_lock():
        pass  # the store is free again


@pytest.mark.parametrize("length", [3, 2000])
def test_a_chain_of_runs_may_be_as_long_as_it_likes(length):
    nodes = [graphs.node("t0")]
    for number in range(1, length):
        nodes.append(graphs.node(f"t{number}", parent=replace(nodes[-1], name="chain")))
    plan = Plan(nodes={each.run_id: each for each in nodes}, cells={})
    assert simulate(plan, MANY_CORES).makespan == length
    assert simulate(plan, MANY_CORES, left=dict.fromkeys(plan.nodes, 0)).makespan == 0

"""The bill of a sweep: hours, ranges, wall clock and the critical path, by hand and against an oracle."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.graph.capacity import Machine
from sweep.graph.simulation import simulate
from sweep.planning.bill import ALL
from sweep.planning.clusters import Cluster, asked, of_sizes
from sweep.planning.gpus import Gpus
from sweep.planning.span import Span
from tests.made import graphs
from tests.made.bills import bill
from tests.made.leaving import sweep
from trainables.ledger.artefacts import Keep
from trainables.ledger.plan import Node, Plan, Share
from trainables.ledger.store import Store

HOUR = 3600.0


@pytest.fixture
def nowhere(tmp_path):
    """A store that is not there yet."""
    return Store(tmp_path / "nowhere")


def hourly(plan: Plan, *, low: float = 0.0, high: float = 0.0) -> Plan:
    """Hours for seconds; ranges in parts of the cost where they are given."""
    nodes = {
        id_: replace(
            node,
            cost=HOUR * node.cost,
            cost_low=HOUR * node.cost * low,
            cost_high=HOUR * node.cost * high,
        )
        for id_, node in plan.nodes.items()
    }
    return replace(plan, nodes=nodes)


def cores(number: int) -> Cluster:
    return asked([Machine(name="here", cpus=number)])


def names(chain) -> list[str]:
    return [step.name for step in chain.steps]


# hours


def test_hours_are_those_of_the_shares_with_the_ends_of_all_ranges(nowhere):
    """Two intermediate runs of 2 h on half a GPU, four targets of 1 h on half a GPU: (4 + 4) / 2 GPU-hours."""
    plan = hourly(graphs.fan(["a", "b"], ["x", "y"], share=Share(gpus=0.5)), low=0.5, high=2.0)
    found = bill(plan, nowhere)
    assert found.unit == "GPU-hours"
    assert found.hours == Span(expected=4.0, low=2.0, high=8.0)
    assert found.lots["intermediate"].seconds == Span(expected=4 * HOUR, low=2 * HOUR, high=8 * HOUR)
    assert (found.lots[ALL].runs, found.lots[ALL].done) == (6, 0)


def test_runs_on_cores_beside_runs_on_gpus_cost_no_gpu_hours(nowhere):
    found = bill(hourly(graphs.plan([graphs.node("a", share=Share(gpus=1)), graphs.node("b", cost=5.0)])), nowhere)
    assert (found.unit, found.hours.expected) == ("GPU-hours", 1.0)


def test_a_node_without_a_range_counts_as_it_is_at_both_ends(nowhere):
    known, unknown = graphs.node("a"), graphs.node("b", cost=3.0)
    plan = graphs.plan([replace(known, cost=HOUR, cost_low=0.5 * HOUR, cost_high=3 * HOUR), unknown])
    unknown = replace(unknown, cost=3 * HOUR)
    found = bill(replace(plan, nodes=plan.nodes | {unknown.run_id: unknown}), nowhere)
    assert found.hours == Span(expected=4.0, low=3.5, high=6.0)


def test_searches_are_part_of_the_hours(nowhere):
    plan = graphs.searched(hourly(graphs.fan(["a"], ["x"])), graphs.fields(intermediate=4, target=3))
    found = bill(plan, nowhere, graphs.fields(intermediate=4, target=3))
    # the grid 2 + 1 h, three more trials of 2 h, two more of 1 h
    assert (found.hours.expected, found.search_hours.expected) == (11.0, 8.0)


def test_what_is_done_costs_nothing_and_a_removed_encoder_that_is_needed_costs_again(store):
    plan = graphs.fan(["squad"], ["xnli"])
    sweep(plan, store, Keep.NONE)
    assert bill(plan, store, None, cores(1)).hours.expected == 0.0
    assert bill(plan, store, None, cores(1)).chains == ()
    grown = hourly(graphs.fan(["squad"], ["xnli", "udpos"]))
    found = bill(grown, store, None, cores(1))
    assert found.hours.expected == 3.0
    [chain] = found.chains
    assert names(chain) == ["squad", "squad -> udpos #42"]
    assert found.clocks[0].seconds.expected == chain.seconds.expected == 3 * HOUR


# wall clock


def test_wall_clock_by_gpus(nowhere):
    """Two chains of 2 + 1 + 1 h: one GPU 8 h; two GPUs 4 h; four GPUs 3 h, of which 8 of 12 GPU-hours are used."""
    plan = hourly(graphs.fan(["a", "b"], ["x", "y"], share=Share(gpus=1)), low=0.5, high=2.0)
    found = bill(plan, nowhere, None, *of_sizes(map(Gpus, (1, 2, 4))))
    assert [clock.seconds.expected / HOUR for clock in found.clocks] == [8, 4, 3]
    assert [clock.busy for clock in found.clocks] == [1.0, 1.0, pytest.approx(8 / 12)]
    assert [clock.paid for clock in found.clocks] == [8, 8, 12]
    assert found.clocks[2].seconds == Span(expected=3 * HOUR, low=1.5 * HOUR, high=6 * HOUR)


def test_a_range_of_wall_clock_is_one_of_true_durations_not_of_the_order(nowhere):
    """Durations differ from what is planned with, the order does not: so a run of unknown range stays as it is."""
    first = replace(graphs.node("a", cost=HOUR), cost_low=0.5 * HOUR, cost_high=4 * HOUR)
    plan = graphs.plan([first, graphs.node("b", cost=2 * HOUR)])
    [clock] = bill(plan, nowhere, None, cores(2)).clocks
    assert clock.seconds == Span(expected=2 * HOUR, low=2 * HOUR, high=4 * HOUR)


def test_the_nodes_of_a_cluster_are_told_apart(nowhere):
    """Two nodes of one core each are no node of two."""
    plan = hourly(graphs.plan([graphs.node("a", share=Share(cpus=2))]))
    pair = asked([Machine(name="m", cpus=1), Machine(name="n", cpus=1)])
    [refused, held] = bill(plan, nowhere, None, pair, cores(2)).clocks
    assert refused.refused == (
        "a asks for 0 GPUs and 2 CPU cores on one node; the largest node has 0 GPUs and 1 CPU cores"
    )
    assert refused.cluster.words == "2 nodes with 2 cores"
    assert held.seconds.expected == HOUR


def test_the_disk_of_the_bill_is_that_of_the_cluster_that_takes_the_most(nowhere):
    plan = graphs.fan(["a", "b"], ["x"])
    nodes = {id_: replace(n, footprint=replace(n.footprint, work=100, rest=1)) for id_, n in plan.nodes.items()}
    found = bill(replace(plan, nodes=nodes), nowhere, None, cores(1), cores(2))
    assert [clock.disk.peak for clock in found.clocks] == sorted(clock.disk.peak for clock in found.clocks)
    assert found.disk == found.clocks[1].disk != found.clocks[0].disk


# the critical path


def test_the_critical_path_is_named_run_by_run_and_the_next_begin_elsewhere(nowhere):
    a, b = graphs.node("a", cost=9.0), graphs.node("b", cost=7.0)
    nodes = [a, b, *(graphs.node(t, parent=p, cost=c) for p in (a, b) for t, c in (("x", 1.0), ("y", 4.0)))]
    found = bill(graphs.plan([*nodes, graphs.baseline("x", cost=2.0), graphs.baseline("y", cost=3.0)]), nowhere)
    assert [names(chain) for chain in found.chains] == [["a", "a -> y #42"], ["b", "b -> y #42"], ["none -> y #42"]]
    assert [chain.seconds.expected for chain in found.chains] == [13.0, 11.0, 3.0]


def test_seeds_of_one_run_are_one_chain_of_the_list(nowhere):
    one = graphs.node("a", cost=5.0)
    other = replace(one, spec=replace(one.spec, seed=43), name="a #43", cost=4.0)
    found = bill(graphs.plan([one, other, graphs.node("b")]), nowhere)
    assert [names(chain) for chain in found.chains] == [["a"], ["b"]]


def test_trials_that_run_side_by_side_count_once(nowhere):
    """Nine trials, four at a time: three rounds of an hour; then the child."""
    search = graphs.fields(intermediate=9, parallel=4)
    plan = graphs.searched(hourly(graphs.fan(["a"], ["x"])), search)
    [chain] = bill(plan, nowhere, search).chains
    assert [(step.name, step.rounds, step.seconds.expected / HOUR) for step in chain.steps] == [
        ("a", 3, 6.0), ("a -> x #42", 1, 1.0),
    ]  # fmt: skip


@st.composite
def forests(draw) -> Plan:
    """Up to 12 runs, each from an earlier one or from none."""
    nodes: list[Node] = []
    for number in range(draw(st.integers(1, 12))):
        parent = draw(st.sampled_from([None, *nodes]))
        nodes.append(graphs.node(f"t{number}", parent=parent, cost=float(draw(st.integers(1, 9)))))
    return Plan(nodes={node.run_id: node for node in nodes}, cells={})


def all_chains(plan: Plan) -> list[float]:
    """Seconds of every chain from a run without a parent down to any run, one by one."""

    def up(node: Node) -> float:
        return node.cost + (up(plan.nodes[node.spec.parent]) if node.spec.parent else 0.0)

    return [up(node) for node in plan.nodes.values()]


@given(forests())
def test_the_critical_path_is_the_longest_of_all_chains_and_what_room_enough_takes(plan):
    found = bill(plan, Store(Path("/nowhere/at/all")), None)
    first = found.chains[0]
    assert first.seconds.expected == pytest.approx(max(all_chains(plan)))
    steps = [step.run_id for step in first.steps]
    assert [plan.nodes[run].spec.parent for run in steps] == ["", *steps[:-1]]
    assert simulate(plan, [Machine(name="m", cpus=len(plan.nodes))]).makespan == pytest.approx(first.seconds.expected)
    assert simulate(plan, [Machine(name="m", cpus=1)]).makespan >= first.seconds.expected - 1e-9

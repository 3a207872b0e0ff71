"""Targets that need the adapters of other languages beside their parent: they wait for all of them, and keep them."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from sweep.graph.simulation import simulate
from tests.made import graphs, races
from tests.made.leaving import holding, leaving, sweep
from trainables.ledger.artefacts import ENCODER, Keep
from trainables.ledger.plan import Node, Plan
from trainables.ledger.recipe import Method, MethodKind
from trainables.ledger.standing import run_states
from trainables.ledger.states import State

ADAPTER = Method(kind=MethodKind.ADAPTER, size=48)
OTHERS = {"de": "ccg", "sw": "hellaswag"}
"""Language -> task of the run that stands for its adapters."""


def swapped(node: Node, others: list[Node]) -> Node:
    """The node as it needs the adapters of these runs."""
    swaps = {code: other.run_id for code, other in zip(OTHERS, others, strict=True)}
    return replace(node, spec=replace(node.spec, method=ADAPTER, swaps=swaps))


def row(*targets: str, plain: tuple[str, ...] = ("pawsx",)) -> Plan:
    """A row, adapters of two languages, targets that need all three, and some that need the row alone."""
    first, *others = (
        graphs.stage(name, cost=cost) for name, cost in zip(("squad", *OTHERS.values()), (2.0, 1.0, 5.0), strict=True)
    )
    nodes = [swapped(graphs.node(target, parent=first), others) for target in targets]
    return graphs.plan([first, *others, *nodes, *(graphs.node(target, parent=first) for target in plain)])


def names(graph, ended):
    return [graph.runs[run_id].name for run_id in ended]


def fails(*those):
    """Computes runs but for those of these names."""

    def compute(store):
        computed = leaving(store)

        def one(run):
            if run.name in those:
                raise ValueError("the disk is full")
            computed(run)

        return one

    return compute


def test_a_target_starts_after_all_that_it_needs_and_others_do_not_wait():
    """On two cores squad (2 s) and hellaswag (5 s) begin; then ccg and pawsx, which needs squad alone; xnli waits."""
    plan = row("xnli")
    table = simulate(plan, graphs.TWO_CORES)
    starts = {plan.nodes[node_id].name: start for node_id, start in table.starts.items()}
    assert starts["squad -> xnli #42"] == 5.0
    assert starts["squad -> pawsx #42"] < 5.0
    assert table.makespan == 6.0


def test_whatever_order_runs_end_in_nothing_starts_before_what_it_needs(store):
    plan = row("xnli", "udpos", "panx")
    for seed in range(5):
        for run_id in store.run_ids():
            store.recompute(run_id)
        drawn = random.Random(seed)
        graph = graphs.graph_of(plan, store)
        ended = graphs.drive(graph, store, leaving(store), order=drawn.choice)
        assert sorted(ended) == sorted(plan.nodes), "each once"
        for run_id in ended:
            assert set(ended[: ended.index(run_id)]) >= set(plan.nodes[run_id].parents)
        assert graph.is_complete


def test_a_driver_that_was_killed_goes_on(store):
    plan = row("xnli", "udpos")
    for most in range(1, 7):
        graph = graphs.graph_of(plan, store)
        graphs.drive(graph, store, leaving(store), most=1)
        assert len(store.run_ids()) == most
    assert graphs.graph_of(plan, store).is_complete


def test_adapters_that_fail_block_the_targets_that_need_them_and_no_others(store):
    plan = row("xnli")
    graph, ended = sweep(plan, store, Keep.ALL, compute=fails("hellaswag")(store))
    assert sorted(names(graph, ended)) == ["ccg", "hellaswag", "squad", "squad -> pawsx #42"]
    states = {plan.nodes[node_id].name: standing for node_id, standing in run_states(plan, store).items()}
    assert states["squad -> pawsx #42"].state is State.DONE
    assert states["squad -> xnli #42"].state is State.BLOCKED
    assert "hellaswag failed: ValueError: the disk is full" in states["squad -> xnli #42"].reason
    assert (graph.is_complete, graph.exhausted) == (True, True)
    graph, ended = sweep(plan, store, Keep.ALL)
    assert names(graph, ended) == ["hellaswag", "squad -> xnli #42"]


def test_adapters_stay_until_all_that_need_them_are_done(store):
    plan = row("xnli", "udpos")
    held = []

    def watched(run):
        held.append((run.name, holding(store)))
        leaving(store)(run)

    sweep(plan, store, Keep.NONE, compute=watched)
    for name, there in held:
        if name in ("squad -> xnli #42", "squad -> udpos #42"):
            assert there >= {"squad", "ccg", "hellaswag"}
    assert holding(store) == set()


def test_a_new_target_has_all_that_it_needs_computed_again_before_it(store):
    sweep(row("xnli"), store, Keep.NONE)
    graph, ended = sweep(row("xnli", "udpos"), store, Keep.NONE)
    assert sorted(names(graph, ended)[:-1]) == ["ccg", "hellaswag", "squad"]
    assert names(graph, ended)[-1] == "squad -> udpos #42"
    assert graph.is_complete


def test_only_what_was_removed_is_computed_again(store):
    plan = row("xnli")
    _, german, *_ = plan.nodes
    sweep(plan, store, Keep.ALL)
    store.recompute(plan.cells[next(cell for cell in plan.cells if cell.target == "xnli")])
    store.remove(german, ENCODER, "for this test")
    graph, ended = sweep(plan, store, Keep.ALL)
    assert names(graph, ended) == ["ccg", "squad -> xnli #42"]


@pytest.mark.parametrize("lost", ["squad", "ccg", "hellaswag"])
def test_what_cannot_be_computed_again_blocks_those_that_wait_for_it_once(store, lost):
    sweep(row("xnli"), store, Keep.NONE)
    plan = row("xnli", "udpos", "panx")
    graph, ended = sweep(plan, store, Keep.NONE, compute=fails(lost)(store))
    assert sorted(names(graph, ended)) == ["ccg", "hellaswag", "squad"]
    assert (graph.is_complete, graph.exhausted) == (True, True)
    blocked = [plan.nodes[node_id].name for node_id in plan.nodes if graph.state(node_id) is State.BLOCKED]
    assert blocked == ["squad -> udpos #42", "squad -> panx #42"]
    again, _ = sweep(plan, store, Keep.NONE)
    assert {again.state(node_id) for node_id in plan.nodes} == {State.DONE}


def test_the_winner_of_a_searched_row_is_the_parent_and_the_adapters_stay_what_they_are(store):
    plan = row("xnli")
    search = graphs.fields(intermediate=3)
    graph, ended = sweep(plan, store, Keep.ALL, search)
    first, *_ = plan.nodes
    [winner] = [study.winner for study in store.studies() if study.node == first]
    [target] = [graph.runs[run_id].spec for run_id in ended if graph.runs[run_id].spec.tasks == ("xnli",)]
    assert target.parent == winner


def test_a_race_that_drops_a_row_drops_the_adapters_of_its_later_seeds(store):
    """QQP is far behind after the first seed; its second seed and the adapters of that are never computed."""
    grid = races.grid(["squad", "qqp"], [("xnli",)], [1, 2])
    nodes = list(grid.nodes.values())
    of_seed = {
        seed: [
            replace(node, spec=replace(node.spec, seed=seed), name=f"{node.name} #{seed}")
            for node in (graphs.stage("ccg"), graphs.stage("hellaswag"))
        ]
        for seed in (1, 2)
    }
    made = [swapped(node, of_seed[node.spec.seed]) if node.name.startswith("qqp -> ") else node for node in nodes]
    cells = {cell: made[nodes.index(grid.nodes[run_id])].run_id for cell, run_id in grid.cells.items()}
    plan = Plan(nodes={node.run_id: node for node in (*of_seed[1], *of_seed[2], *made)}, cells=cells)
    found = races.graph_of(plan, store)
    ended = races.drive(found, store, {"squad": 0.9, "qqp": 0.3})
    assert races.decisions(store) == [("qqp", "xnli", "squad", 1, False)]
    never = {node.name for node_id, node in plan.nodes.items() if found.state(node_id) is State.DROPPED}
    assert never == {"ccg #2", "hellaswag #2", "qqp #2", "qqp -> xnli #2"}
    assert sorted(ended) == sorted({node.name for node in plan.nodes.values()} - never)
    states = {plan.nodes[node_id].name for node_id, s in run_states(plan, store).items() if s.state is State.DROPPED}
    assert states == never

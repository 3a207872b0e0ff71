"""The wall clock of a plan on paper, with searches and without: by hand, and against what no schedule can beat."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace

import pytest

from benchmarks.paper_plan import paper_plan
from sweep.graph.bounds import lower_bound
from sweep.graph.capacity import Machine, UnplaceableError
from sweep.graph.simulation import simulate
from sweep.planning.trials import space_of
from tests.made import graphs
from trainables.ledger.plan import Node, Plan, Share


def here(cpus: int = 0, gpus: int = 0) -> list[Machine]:
    return [Machine(name="here", cpus=cpus or 64, gpus=gpus)]


def cluster(gpus: int) -> list[Machine]:
    """Nodes of up to eight GPUs."""
    return [Machine(name=f"m{i}", cpus=64, gpus=min(gpus, 8)) for i in range(max(gpus // 8, 1))]


def seconds(nodes: list[Node], left: list[int], cpus: int, parallel: int = 4, max_concurrent: int = 0) -> float:
    plan = graphs.plan(nodes)
    needed = dict(zip(plan.nodes, left, strict=True))
    return simulate(plan, here(cpus), left=needed, parallel=parallel, max_concurrent=max_concurrent).makespan


# by hand


def test_finished_runs_are_not_started_and_open_their_children() -> None:
    parent = graphs.node("parent")
    child = graphs.node("child", parent=parent)
    table = simulate(graphs.plan([parent, child]), here(), left={parent.run_id: 0, child.run_id: 1})
    assert table.starts == {child.run_id: 0}


def test_parent_outside_the_graph_must_be_finished() -> None:
    parent = graphs.node("parent")
    child = graphs.node("child", parent=parent)
    alone = graphs.plan([child])
    assert simulate(alone, here(), left={parent.run_id: 0, child.run_id: 1}).makespan == 1
    with pytest.raises(ValueError, match=f"parent -> child #42 starts from run {parent.run_id}"):
        simulate(alone, here())


def test_so_many_trials_at_a_time_and_the_children_after_all_of_them() -> None:
    parent = graphs.node("parent", cost=10)
    child = graphs.node("child", parent=parent, cost=3)
    assert seconds([parent, child], [6, 1], cpus=8, parallel=4) == 10 + 10 + 3
    assert seconds([parent, child], [6, 1], cpus=8, parallel=2) == 30 + 3
    assert seconds([parent, child], [6, 4], cpus=1, parallel=4) == 60 + 12
    assert seconds([parent, child], [6, 4], cpus=8, parallel=8, max_concurrent=2) == 30 + 6


def test_what_is_done_takes_no_time_and_opens_its_children() -> None:
    parent = graphs.node("parent", cost=10)
    child = graphs.node("child", parent=parent, cost=3)
    assert seconds([parent, child], [0, 2], cpus=1) == 6
    assert seconds([parent, child], [0, 0], cpus=1) == 0


def test_studies_take_turns() -> None:
    """Two studies of four trials on two cores, one run at a time each: side by side, not one after the other."""
    first, second = graphs.node("first", cost=5), graphs.node("second", cost=5)
    assert seconds([first, second], [4, 4], cpus=2, parallel=1) == 20


def test_the_trials_of_a_plan_are_what_it_needs() -> None:
    """Five trials of the parent and two of the child, two at a time on two cores: 3 rounds of 2 s and 1 of 1 s."""
    plan = graphs.searched(graphs.fan(["a"], ["x"]), graphs.fields(intermediate=5, target=2))
    assert simulate(plan, here(cpus=2), parallel=2).makespan == 3 * 2 + 1


def test_true_durations_may_differ_from_those_planned_with() -> None:
    parent = graphs.node("parent", cost=10)
    child = graphs.node("child", parent=parent, cost=3)
    table = simulate(graphs.plan([parent, child]), here(), seconds={parent.run_id: 4.0})
    assert table.ends == {parent.run_id: 4, child.run_id: 7}


def test_without_gpus_all_runs_take_cores_alone() -> None:
    nodes = [graphs.node(f"n{i}", cost=6, share=Share(gpus=2.0, cpus=2)) for i in range(4)]
    plan = graphs.plan(nodes)
    assert simulate(plan, here(cpus=4)).makespan == 12  # two at a time
    assert lower_bound(plan, here(cpus=4)) == 12  # 4 * 6 s * 2 cores / 4 cores


def test_a_run_that_fits_nowhere_is_named() -> None:
    node = graphs.node("large", share=Share(gpus=2))
    with pytest.raises(UnplaceableError, match="large asks for 2 GPUs"):
        simulate(graphs.plan([node]), here(gpus=1))


# the plan of the paper


@pytest.fixture(scope="module")
def paper() -> Plan:
    """16 intermediate runs, 102 fine-tunings, 34 retrieval runs."""
    plan = paper_plan()
    assert (len(plan.cells), len(plan.nodes)) == (153, 16 + 102 + 34)
    return plan


@pytest.mark.parametrize("gpus", [1, 4, 8, 16, 64])
def test_the_plan_of_the_paper_comes_close_to_the_bound(paper: Plan, gpus: int) -> None:
    makespan, bound = simulate(paper, cluster(gpus)).makespan, lower_bound(paper, cluster(gpus))
    assert bound * (1 - 1e-9) <= makespan <= 1.05 * bound
    if gpus <= 4:  # beyond it is the longest chain
        assert bound == pytest.approx(sum(node.cost * node.share.gpus for node in paper.nodes.values()) / gpus)


@pytest.mark.parametrize("gpus", [1, 4, 8])
def test_it_takes_the_same_time_plain_as_searched_with_a_single_trial(paper: Plan, gpus: int) -> None:
    plain = simulate(paper, here(gpus=gpus))
    search = graphs.fields(intermediate=2, target=2)
    single = {id_: replace(node, space=space_of(node.spec, search), trials=1) for id_, node in paper.nodes.items()}
    assert sum(bool(node.space) for node in single.values()) == 16 + 102
    assert simulate(replace(paper, nodes=single), here(gpus=gpus), parallel=4) == plain
    assert simulate(paper, here(gpus=gpus), left=dict.fromkeys(paper.nodes, 1), parallel=4) == plain


def test_decisions_cost_the_same_in_large_graphs() -> None:
    """Counts calls of functions, which are the same on every machine: ten times the runs, ten times the calls."""

    def calls(intermediates: int) -> int:
        plan = graphs.fan([f"i{i}" for i in range(intermediates)], [f"t{i}" for i in range(9)], share=Share(gpus=0.25))
        events = Counter[str]()
        sys.setprofile(lambda frame, event, argument: events.update([event]))
        try:
            simulate(plan, here(cpus=16, gpus=8))
        finally:
            sys.setprofile(None)
        return events["call"]

    assert calls(300) < 11 * calls(30)

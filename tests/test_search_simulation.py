"""The wall clock of a graph with searches, on paper: by hand, and against the simulation of the same runs without."""

from __future__ import annotations

import pytest

from sweep.capacity import Machine, UnplaceableError
from sweep.nodes import Node, Share
from sweep.search_simulation import simulate_searches
from sweep.simulation import simulate
from tests import graphs


def here(cpus: int = 0, gpus: int = 0) -> list[Machine]:
    return [Machine(name="here", cpus=cpus or 64, gpus=gpus)]


def seconds(nodes: list[Node], left: list[int], cpus: int, parallel: int = 4, **given: int) -> float:
    by_id = {node.run_id: node for node in nodes}
    return simulate_searches(by_id, dict(zip(by_id, left, strict=True)), here(cpus), parallel=parallel, **given)


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


@pytest.mark.parametrize("gpus", [1, 4, 8])
def test_without_searches_it_is_the_simulation_of_the_grid(gpus: int) -> None:
    plan = graphs.paper_grid()
    found = simulate_searches(plan.nodes, dict.fromkeys(plan.nodes, 1), here(gpus=gpus), parallel=4)
    assert found == pytest.approx(simulate(plan.nodes, (), here(gpus=gpus)).makespan)


def test_a_run_that_fits_nowhere_is_named() -> None:
    node = graphs.node("large", share=Share(gpus=2))
    with pytest.raises(UnplaceableError, match="large asks for 2 GPUs"):
        simulate_searches({node.run_id: node}, {node.run_id: 1}, here(gpus=1), parallel=1)

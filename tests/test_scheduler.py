"""The scheduler on paper: capacity, order, failures, and how close it comes to the bound."""

from __future__ import annotations

import heapq
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep.capacity import Capacity, Machine, UnplaceableError
from sweep.nodes import Node, Share
from sweep.scheduler import RunState, Scheduler
from sweep.simulation import lower_bound, simulate
from tests import graphs

ONE_GPU = Share(gpus=1.0)
QUARTER = Share(gpus=0.25)


def by_id(*nodes: Node) -> dict[str, Node]:
    return {node.run_id: node for node in nodes}


def machine(gpus: int = 1, cpus: int = 16, name: str = "m") -> Machine:
    return Machine(name=name, cpus=cpus, gpus=gpus)


def test_longest_chain_starts_first() -> None:
    short = graphs.node("short", cost=5, share=ONE_GPU)
    parent = graphs.node("parent", cost=1, share=ONE_GPU)
    child = graphs.node("child", parent=parent, cost=9, share=ONE_GPU)
    table = simulate(by_id(short, parent, child), (), [machine(gpus=2)])
    assert table.starts == {parent.run_id: 0, short.run_id: 0, child.run_id: 1}
    table = simulate(by_id(short, parent, child), (), [machine(gpus=1)])
    assert sorted(table.starts, key=table.starts.get) == [parent.run_id, child.run_id, short.run_id]


def test_finished_runs_are_not_started_and_open_their_children() -> None:
    parent = graphs.node("parent")
    child = graphs.node("child", parent=parent)
    table = simulate(by_id(parent, child), {parent.run_id}, [machine()])
    assert table.starts == {child.run_id: 0}


def test_parent_outside_the_graph_must_be_finished() -> None:
    parent = graphs.node("parent")
    child = graphs.node("child", parent=parent)
    assert simulate(by_id(child), {parent.run_id}, [machine()]).makespan == 1
    with pytest.raises(ValueError, match="parent -> child #42 starts from run"):
        Scheduler(by_id(child), (), [machine()])


def test_failure_blocks_descendants_only() -> None:
    bad, good = graphs.node("bad"), graphs.node("good")
    children = [graphs.node(task, parent=parent) for parent in (bad, good) for task in ("x", "y")]
    scheduler = Scheduler(by_id(bad, good, *children), (), [machine(cpus=1)])
    assert scheduler.start(0) == bad.run_id
    scheduler.fail(bad.run_id)
    while run_id := scheduler.start(0):
        scheduler.finish(run_id)
    assert scheduler.exhausted
    assert [scheduler.state(child.run_id) for child in children] == [RunState.BLOCKED] * 2 + [RunState.DONE] * 2
    assert scheduler.blocked_by == {children[0].run_id: bad.run_id, children[1].run_id: bad.run_id}


def test_whole_gpu_is_not_starved_by_quarters() -> None:
    """Quarters that end late may not take the room that the whole run waits for; short ones may."""
    first = graphs.node("first", cost=100, share=QUARTER)
    whole = graphs.node("whole", cost=90, share=ONE_GPU)
    long = [graphs.node(f"long{i}", cost=80, share=QUARTER) for i in range(4)]
    short = graphs.node("short", cost=50, share=QUARTER)
    table = simulate(by_id(first, whole, *long, short), (), [machine()])
    assert table.starts[whole.run_id] == 100
    assert [table.starts[n.run_id] for n in long] == [0, 0, 0, 190]
    scheduler = Scheduler(by_id(first, whole, short), (), [machine()])
    assert [scheduler.start(0), scheduler.start(0), scheduler.start(0)] == [first.run_id, short.run_id, None]
    scheduler = Scheduler(by_id(first, whole, long[0]), (), [machine()])
    assert scheduler.start(0) == first.run_id
    assert scheduler.start(30) is None, "it would end at 110, ten seconds after the whole run can start"


def test_long_run_goes_beside_a_reservation() -> None:
    busy = [graphs.node(f"busy{i}", cost=100, share=Share(gpus=1.0, cpus=1)) for i in range(2)]
    pair = graphs.node("pair", cost=90, share=Share(gpus=2.0, cpus=1))
    long = graphs.node("long", cost=80, share=ONE_GPU)
    machines = [machine(gpus=2, name="a"), machine(gpus=1, name="b")]
    scheduler = Scheduler(by_id(*busy, pair, long), (), machines)
    assert [scheduler.start(0), scheduler.start(0)] == [node.run_id for node in busy]
    assert {run.seat.machine for run in scheduler.live.values()} == {"a", "b"}
    assert scheduler.start(50) is None, "the free GPU of machine a is kept for the pair, which can start at 100"
    scheduler.resize([*machines, machine(gpus=1, name="c")])
    assert scheduler.start(50) == long.run_id
    assert scheduler.live[long.run_id].seat.machine == "c"


def test_best_fit_packs_fractions_and_keeps_whole_gpus() -> None:
    capacity = Capacity([machine(gpus=2)])
    seats = []
    for _ in range(4):
        seat = capacity.seat(QUARTER)
        assert seat
        capacity.take(seat)
        seats.append(seat.gpus)
    assert seats == [(0,)] * 4
    whole = capacity.seat(ONE_GPU)
    assert whole
    assert whole.gpus == (1,)


def test_thirds_fill_a_gpu_exactly() -> None:
    runs = [graphs.node(f"t{i}", share=Share(gpus=1 / 3)) for i in range(6)]
    assert simulate(by_id(*runs), (), [machine()]).makespan == 2


def test_cpu_runs_leave_the_cores_beside_gpus_alone() -> None:
    capacity = Capacity([machine(gpus=1, name="gpu"), machine(gpus=0, name="cpu")])
    seat = capacity.seat(Share())
    assert seat
    assert seat.machine == "cpu"


def test_impossible_request_is_refused_before_anything_starts() -> None:
    node = graphs.node("huge", share=Share(gpus=2.0, cpus=4))
    with pytest.raises(UnplaceableError, match=r"huge asks for 2 GPUs and 4 CPU cores.*largest node has 1 GPUs and 16"):
        Scheduler(by_id(node), (), [machine(name="a"), machine(name="b")])


def test_limit_on_concurrency() -> None:
    runs = [graphs.node(f"t{i}") for i in range(6)]
    assert simulate(by_id(*runs), (), [machine()], max_concurrent=2).makespan == 3


def test_machines_may_join_and_leave() -> None:
    runs = [graphs.node(f"t{i}", share=ONE_GPU) for i in range(4)]
    scheduler = Scheduler(by_id(*runs), (), [machine(name="a")])
    first = scheduler.start(0)
    assert scheduler.start(0) is None
    scheduler.resize([machine(name="a"), machine(name="b")])
    assert scheduler.start(0)
    assert scheduler.start(0) is None
    scheduler.resize([machine(name="b")])
    scheduler.finish(str(first))
    assert scheduler.start(0) is None, "the machine of the first run is gone"


SHARES = st.sampled_from([Share(), Share(cpus=2), QUARTER, Share(gpus=0.5), ONE_GPU, Share(gpus=2.0, cpus=2)])


@st.composite
def random_graphs(draw: st.DrawFn) -> list[Node]:
    nodes: list[Node] = []
    for index in range(draw(st.integers(1, 14))):
        roots = [node for node in nodes if not node.parents]
        parent = draw(st.sampled_from([None, *roots]))
        cost = draw(st.integers(1, 20))
        nodes.append(graphs.node(f"n{index}", parent=parent, cost=cost, share=draw(SHARES)))
    return nodes


@settings(max_examples=150, deadline=None)
@given(
    nodes=random_graphs(),
    gpus=st.lists(st.integers(2, 4), min_size=1, max_size=3),
    slowness=st.lists(st.floats(0.2, 3), min_size=14, max_size=14),
    failing=st.sets(st.integers(0, 13), max_size=3),
)
def test_no_schedule_breaks_the_rules(
    nodes: list[Node], gpus: list[int], slowness: list[float], failing: set[int]
) -> None:
    """Whatever the estimates are worth: capacity and order hold, and everything that can finish does."""
    machines = [machine(gpus=count, cpus=4, name=f"m{i}") for i, count in enumerate(gpus)]
    graph = by_id(*nodes)
    scheduler = Scheduler(graph, (), machines)
    fails = {nodes[i].run_id for i in failing if i < len(nodes)}
    running: list[tuple[float, str]] = []
    done: set[str] = set()
    now = 0.0
    while True:
        while run_id := scheduler.start(now):
            assert set(graph[run_id].parents) <= done
            heapq.heappush(running, (now + graph[run_id].cost * slowness[nodes.index(graph[run_id])], run_id))
            check_capacity(scheduler, machines)
        assert sorted(scheduler.live) == sorted(run_id for _, run_id in running)
        if not running:
            break
        now, ended = heapq.heappop(running)
        if ended in fails:
            scheduler.fail(ended)
        else:
            scheduler.finish(ended)
            done.add(ended)
    assert scheduler.exhausted
    for node in nodes:
        if set(node.parents) & fails:
            expected = RunState.BLOCKED
        else:
            expected = RunState.FAILED if node.run_id in fails else RunState.DONE
        assert scheduler.state(node.run_id) is expected


def check_capacity(scheduler: Scheduler, machines: list[Machine]) -> None:
    """Add up what the live runs hold, by hand."""
    for each in machines:
        seats = [run.seat for run in scheduler.live.values() if run.seat.machine == each.name]
        assert sum(seat.share.cpus for seat in seats) <= each.cpus
        for gpu in range(each.gpus):
            assert sum(min(seat.share.gpus, 1) for seat in seats if gpu in seat.gpus) <= 1 + 1e-9
        for seat in seats:
            assert len(seat.gpus) == max(seat.share.gpus, seat.share.gpus > 0) or seat.share.gpus < 1
            assert all(gpu < each.gpus for gpu in seat.gpus)


@pytest.mark.parametrize("num_gpus", [1, 4, 8, 16, 64])
def test_paper_grid_comes_close_to_the_bound(num_gpus: int) -> None:
    plan = graphs.paper_grid()
    machines = [machine(gpus=min(num_gpus, 8), cpus=64, name=f"m{i}") for i in range(max(num_gpus // 8, 1))]
    assert len(plan.cells) == 153
    assert simulate(plan.nodes, (), machines).makespan <= 1.05 * lower_bound(plan.nodes, machines)


def test_decisions_cost_the_same_in_large_graphs() -> None:
    """Counts operations by time only roughly: ten times the runs may not cost thirty times as much."""

    def seconds(intermediates: int) -> float:
        plan = graphs.fan([f"i{i}" for i in range(intermediates)], [f"t{i}" for i in range(9)], share=QUARTER)
        begun = time.perf_counter()
        simulate(plan.nodes, (), [machine(gpus=8)])
        return time.perf_counter() - begun

    assert seconds(300) < 30 * max(seconds(30), 0.01)

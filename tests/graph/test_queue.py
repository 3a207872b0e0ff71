"""What starts next, and where: order, reservations, failures, machines that join and leave."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep.graph.capacity import Machine, UnplaceableError
from sweep.graph.graph import Graph
from sweep.graph.simulation import simulate
from tests.made import graphs
from trainables.ledger.plan import Node, Share
from trainables.ledger.states import State
from trainables.ledger.store import Store

ONE_GPU = Share(gpus=1.0)
QUARTER = Share(gpus=0.25)


def machine(gpus: int = 1, cpus: int = 16, name: str = "m") -> Machine:
    return Machine(name=name, cpus=cpus, gpus=gpus)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store without any run; a graph alone writes nothing into it."""
    return Store(tmp_path_factory.mktemp("store")).prepare()


def graph_of(store: Store, nodes: Sequence[Node], machines: Sequence[Machine]) -> Graph:
    return graphs.graph_of(graphs.plan(nodes), store, machines=machines)


def test_longest_chain_starts_first() -> None:
    short = graphs.node("short", cost=5, share=ONE_GPU)
    parent = graphs.node("parent", cost=1, share=ONE_GPU)
    child = graphs.node("child", parent=parent, cost=9, share=ONE_GPU)
    plan = graphs.plan([short, parent, child])
    table = simulate(plan, [machine(gpus=2)])
    assert table.starts == {parent.run_id: 0, short.run_id: 0, child.run_id: 1}
    table = simulate(plan, [machine(gpus=1)])
    assert sorted(table.starts, key=table.starts.__getitem__) == [parent.run_id, child.run_id, short.run_id]


def test_failure_blocks_descendants_only(empty: Store) -> None:
    bad, good = graphs.node("bad"), graphs.node("good")
    children = [graphs.node(task, parent=parent) for parent in (bad, good) for task in ("x", "y")]
    found = graph_of(empty, [bad, good, *children], [machine(cpus=1)])
    assert found.start(0) == bad.run_id
    found.fail(bad.run_id)
    while run_id := found.start(0):
        found.finish(run_id)
    assert found.exhausted
    assert [found.state(child.run_id) for child in children] == [State.BLOCKED] * 2 + [State.DONE] * 2
    assert found.blocked_by == {children[0].run_id: bad.run_id, children[1].run_id: bad.run_id}


def test_whole_gpu_is_not_starved_by_quarters(empty: Store) -> None:
    """Quarters that end late may not take the room that the whole run waits for; short ones may."""
    first = graphs.node("first", cost=100, share=QUARTER)
    whole = graphs.node("whole", cost=90, share=ONE_GPU)
    long = [graphs.node(f"long{i}", cost=80, share=QUARTER) for i in range(4)]
    short = graphs.node("short", cost=50, share=QUARTER)
    table = simulate(graphs.plan([first, whole, *long, short]), [machine()])
    assert table.starts[whole.run_id] == 100
    assert [table.starts[n.run_id] for n in long] == [0, 0, 0, 190]
    found = graph_of(empty, [first, whole, short], [machine()])
    assert [found.start(0), found.start(0), found.start(0)] == [first.run_id, short.run_id, None]
    found = graph_of(empty, [first, whole, long[0]], [machine()])
    assert found.start(0) == first.run_id
    assert found.start(30) is None, "it would end at 110, ten seconds after the whole run can start"


def test_long_run_goes_beside_a_reservation(empty: Store) -> None:
    busy = [graphs.node(f"busy{i}", cost=100, share=Share(gpus=1.0, cpus=1)) for i in range(2)]
    pair = graphs.node("pair", cost=90, share=Share(gpus=2.0, cpus=1))
    long = graphs.node("long", cost=80, share=ONE_GPU)
    machines = [machine(gpus=2, name="a"), machine(gpus=1, name="b")]
    found = graph_of(empty, [*busy, pair, long], machines)
    assert [found.start(0), found.start(0)] == [node.run_id for node in busy]
    assert {run.seat.machine for run in found.live.values()} == {"a", "b"}
    assert found.start(50) is None, "the free GPU of machine a is kept for the pair, which can start at 100"
    found.resize([*machines, machine(gpus=1, name="c")])
    assert found.start(50) == long.run_id
    assert found.live[long.run_id].seat.machine == "c"


def test_thirds_fill_a_gpu_exactly() -> None:
    runs = [graphs.node(f"t{i}", share=Share(gpus=1 / 3)) for i in range(6)]
    assert simulate(graphs.plan(runs), [machine()]).makespan == 2


def test_impossible_request_is_refused_before_anything_starts(empty: Store) -> None:
    small = graphs.node("small", share=ONE_GPU)
    huge = graphs.node("huge", share=Share(gpus=2.0, cpus=4))
    found = graph_of(empty, [small, huge], [])
    with pytest.raises(UnplaceableError, match=r"huge asks for 2 GPUs and 4 CPU cores.*largest node has 1 GPUs and 16"):
        found.resize([machine(name="a"), machine(name="b")])
    assert found.start(0) is None


def test_limit_on_concurrency() -> None:
    runs = [graphs.node(f"t{i}") for i in range(6)]
    assert simulate(graphs.plan(runs), [machine()], max_concurrent=2).makespan == 3


def test_machines_may_join_and_leave(empty: Store) -> None:
    runs = [graphs.node(f"t{i}", share=ONE_GPU) for i in range(4)]
    found = graph_of(empty, runs, [machine(name="a")])
    first = found.start(0)
    assert found.start(0) is None
    found.resize([machine(name="a"), machine(name="b")])
    assert found.start(0)
    assert found.start(0) is None
    found.resize([machine(name="b")])
    found.finish(str(first))
    assert found.start(0) is None, "the machine of the first run is gone"


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


@settings(max_examples=150)
@given(
    nodes=random_graphs(),
    gpus=st.lists(st.integers(2, 4), min_size=1, max_size=3),
    slowness=st.lists(st.floats(0.2, 3), min_size=14, max_size=14),
    failing=st.sets(st.integers(0, 13), max_size=3),
)
def test_no_schedule_breaks_the_rules(
    empty: Store, nodes: list[Node], gpus: list[int], slowness: list[float], failing: set[int]
) -> None:
    """Whatever the estimates are worth: capacity and order hold, and everything that can finish does."""
    machines = [machine(gpus=count, cpus=4, name=f"m{i}") for i, count in enumerate(gpus)]
    found = graph_of(empty, nodes, machines)
    graph = found.plan.nodes
    fails = {nodes[i].run_id for i in failing if i < len(nodes)}
    running: list[tuple[float, str]] = []
    done: set[str] = set()
    now = 0.0
    while True:
        while run_id := found.start(now):
            assert set(graph[run_id].parents) <= done
            heapq.heappush(running, (now + graph[run_id].cost * slowness[nodes.index(graph[run_id])], run_id))
            check_capacity(found, machines)
        assert sorted(found.live) == sorted(run_id for _, run_id in running)
        if not running:
            break
        now, ended = heapq.heappop(running)
        if ended in fails:
            found.fail(ended)
        else:
            found.finish(ended)
            done.add(ended)
    assert found.exhausted
    assert found.is_complete
    for node in nodes:
        alone = State.FAILED if node.run_id in fails else State.DONE
        assert found.state(node.run_id) is (State.BLOCKED if set(node.parents) & fails else alone)


def check_capacity(found: Graph, machines: Sequence[Machine]) -> None:
    """Add up what the live runs hold, by hand."""
    for each in machines:
        seats = [run.seat for run in found.live.values() if run.seat.machine == each.name]
        assert sum(seat.share.cpus for seat in seats) <= each.cpus
        for gpu in range(each.gpus):
            assert sum(min(seat.share.gpus, 1) for seat in seats if gpu in seat.gpus) <= 1 + 1e-9
        for seat in seats:
            assert len(seat.gpus) == max(seat.share.gpus, seat.share.gpus > 0) or seat.share.gpus < 1
            assert all(gpu < each.gpus for gpu in seat.gpus)

"""What goes wrong on paper, by hand: lost nodes and workers, hangs, failures, wrong estimates."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from sweep.graph.bounds import bound_of, list_bound
from sweep.graph.capacity import Machine
from sweep.graph.faults import Change, Faults
from sweep.graph.simulation import simulate
from sweep.graph.timetable import End
from tests.made import graphs
from tests.made.sweeps import check_table
from trainables.ledger.plan import Share
from trainables.ledger.states import State

ONE_GPU, TWO_GPUS = Share(gpus=1.0), Share(gpus=2.0)


def node(number: int, gpus: int = 1) -> Machine:
    return Machine(name=f"node {number}", cpus=16, gpus=gpus)


@dataclass(frozen=True, kw_only=True)
class Timed(Faults):
    """Faults whose times are said, by attempt."""

    losses: dict[int, float] = field(default_factory=dict)
    hangs: dict[int, float] = field(default_factory=dict)

    def loses_worker_after(self, run_id: str, attempt: int) -> float:
        return self.losses.get(attempt, math.inf)

    def hangs_after(self, run_id: str, attempt: int) -> float:
        return self.hangs.get(attempt, math.inf)


def test_a_run_whose_node_is_lost_goes_on_elsewhere_from_its_checkpoint() -> None:
    """Lost at 70 with checkpoints every 30 s, so 60 s are kept; 10 s until it goes on, and 40 s are left."""
    run = graphs.node("run", cost=100, share=ONE_GPU)
    table = simulate(
        graphs.plan([run]), [node(1), node(2)], changes=[Change(time=70, leaves=["node 1"])],
        faults=Faults(checkpoint_seconds=30, restart_seconds=10),
    )  # fmt: skip
    first, second = table.attempts
    assert (first.how, first.seat.machine, first.start, first.end, first.kept) == (End.NODE_LOST, "node 1", 0, 70, 60)
    assert (second.how, second.seat.machine, second.start, second.end) == (End.DONE, "node 2", 70, 70 + 10 + 40)
    assert table.ends == {run.run_id: 120}


def test_a_run_waits_for_another_node_where_none_has_room() -> None:
    """The other node is taken until 80, and a third one joins at 75."""
    lost, other = graphs.node("lost", cost=60, share=ONE_GPU), graphs.node("other", cost=80, share=ONE_GPU)
    changes = [Change(time=50, leaves=["node 2"]), Change(time=75, joins=[node(3)])]
    table = simulate(
        graphs.plan([other, lost]), [node(1), node(2)], changes=changes,
        faults=Faults(checkpoint_seconds=20, restart_seconds=5),
    )  # fmt: skip
    assert [(each.seat.machine, each.start) for each in table.attempts if each.run_id == lost.run_id] == [
        ("node 2", 0),
        ("node 3", 75),
    ]
    assert table.ends == {other.run_id: 80, lost.run_id: 75 + 5 + 20}
    check_table(table)


def test_a_worker_is_lost_three_times_then_its_run_has_failed_and_what_starts_from_it_is_blocked() -> None:
    """Lost after 25 s of each attempt: 25, then twice 5 s to start and 25 s more; 20 s are kept each time."""
    parent = graphs.node("parent", cost=100)
    child, other = graphs.node("child", parent=parent), graphs.node("other", cost=7)
    faults = Timed(losses={0: 25, 1: 25, 2: 25}, checkpoint_seconds=10, restart_seconds=5)
    table = simulate(graphs.plan([parent, child, other]), [Machine(name="m", cpus=2)], faults=faults)
    lost = [attempt for attempt in table.attempts if attempt.run_id == parent.run_id]
    assert [(each.end, each.kept) for each in lost] == [(25, 20), (55, 20), (85, 20)]
    assert table.states == {
        parent.run_id: State.FAILED,
        child.run_id: State.BLOCKED,
        other.run_id: State.DONE,
    }
    assert table.blocked_by == {child.run_id: parent.run_id}


@pytest.mark.parametrize(("times", "state"), [(11, State.DONE), (12, State.FAILED)])
def test_a_run_may_lose_nine_nodes_since_that_is_no_fault_of_its_own(times: int, state: State) -> None:
    """The tenth and later ones count as workers, of which it may lose two.

    A node leaves every 10 s and another joins; 10 s of work are kept, then 5 of 7 each time.
    """
    run = graphs.node("run", cost=1000, share=ONE_GPU)
    changes = [
        Change(time=10.0 * number, leaves=[f"node {number}"], joins=[node(number + 1)])
        for number in range(1, times + 1)
    ]  # fmt: skip
    faults = Faults(checkpoint_seconds=5, restart_seconds=3)
    table = simulate(graphs.plan([run]), [node(1)], changes=changes, faults=faults)
    assert table.states == {run.run_id: state}
    assert [each.kept for each in table.attempts[:times]] == [10] + [5] * (times - 1)
    assert all(each.how is End.NODE_LOST for each in table.attempts[:times])


def test_a_hang_costs_the_silence_and_what_is_not_in_a_checkpoint() -> None:
    """Silent at 20, ended at 20 + 600, on at 630 from second 15 of its work: 85 s more."""
    run = graphs.node("run", cost=100)
    faults = Timed(hangs={0: 20}, silence=600, checkpoint_seconds=15, restart_seconds=10)
    table = simulate(graphs.plan([run]), [Machine(name="m", cpus=1)], faults=faults)
    assert [each.how for each in table.attempts] == [End.HUNG, End.DONE]
    assert table.makespan == 20 + 600 + 10 + 85


def test_a_named_run_fails_and_only_what_is_below_it_is_blocked() -> None:
    bad, good = graphs.node("bad", cost=10), graphs.node("good", cost=10)
    children = [graphs.node(task, parent=parent) for parent in (bad, good) for task in ("x", "y")]
    table = simulate(
        graphs.plan([bad, good, *children]), [Machine(name="m", cpus=4)], faults=Faults(failing=[bad.run_id])
    )
    assert [table.states[child.run_id] for child in children] == [State.BLOCKED] * 2 + [State.DONE] * 2
    assert 0 < table.ends[bad.run_id] < 10


def test_a_trial_that_fails_leaves_the_others_of_its_search() -> None:
    """All fail: none is the winner. One fails: the children start."""
    run = graphs.node("searched", cost=10)
    plan = graphs.plan([run, graphs.node("child", parent=run)])
    left = {node_id: 3 if node_id == run.run_id else 1 for node_id in plan.nodes}
    here = [Machine(name="m", cpus=4)]

    @dataclass(frozen=True, kw_only=True)
    class OneFails(Faults):
        def fails_after(self, node_id: str, run_id: str, seconds: float) -> float:
            return 4.0 if run_id.endswith("/1") else math.inf

    some = simulate(plan, here, left=left, faults=OneFails())
    assert [some.states[node_id] for node_id in plan.nodes] == [State.DONE, State.DONE]
    assert some.ends == {run.run_id: 10, f"{run.run_id}/1": 14, f"{run.run_id}/2": 24, list(plan.nodes)[1]: 25}
    none = simulate(plan, here, left=left, faults=Faults(failing=[run.run_id]))
    assert [none.states[node_id] for node_id in plan.nodes] == [State.FAILED, State.BLOCKED]


def test_a_run_that_no_node_holds_any_more_holds_up_nobody() -> None:
    """The pair of GPUs leaves before the first of the queue has started on it."""
    busy = graphs.node("busy", cost=10, share=ONE_GPU)
    pair = graphs.node("pair", cost=50, share=TWO_GPUS)
    small = [graphs.node(f"small {i}", cost=20, share=ONE_GPU) for i in range(3)]
    machines = [node(1, gpus=2), node(2)]
    leaves = Change(time=0, leaves=["node 1"])
    table = simulate(graphs.plan([busy, pair, *small]), machines, changes=[leaves], faults=Faults(restart_seconds=0))
    assert table.states[pair.run_id] is State.READY
    assert all(table.states[each.run_id] is State.DONE for each in (busy, *small))
    back = Change(time=1000, joins=[node(3, gpus=2)])
    table = simulate(
        graphs.plan([busy, pair, *small]), machines, changes=[leaves, back], faults=Faults(restart_seconds=0)
    )
    assert table.starts[pair.run_id] in (0, 1000)
    assert table.states[pair.run_id] is State.DONE


def test_estimates_are_within_the_factor_in_two_cases_of_three() -> None:
    """68.3 % of a normal lie within one standard deviation; of 4,000 draws that is 68.3 % +- 2.2 % (3 s.d.)."""
    faults = Faults(wrong_by=1.5)
    factors = [faults.factor(f"run {number}") for number in range(4000)]
    assert sum(1 / 1.5 <= factor <= 1.5 for factor in factors) / 4000 == pytest.approx(0.683, abs=0.022)
    assert sum(factor < 1 for factor in factors) / 4000 == pytest.approx(0.5, abs=0.024)


def test_losses_come_as_often_as_is_said() -> None:
    """The mean of 4,000 exponential times is that said, +- 4.7 % (3 s.d.); 5 % of runs fail, +- 1 %."""
    faults = Faults(worker_seconds=100, failure_rate=0.05)
    times = [faults.loses_worker_after(f"run {number}", 0) for number in range(4000)]
    assert sum(times) / 4000 == pytest.approx(100, rel=0.05)
    failed = [math.isfinite(faults.fails_after("node", f"run {number}", 10)) for number in range(4000)]
    assert sum(failed) / 4000 == pytest.approx(0.05, abs=0.011)


def test_clusters_of_other_sizes_are_told_of_the_same_faults() -> None:
    plan = graphs.fan(["a", "b"], ["x", "y", "z"], share=ONE_GPU)
    faults = Faults(seed=3, wrong_by=3, failure_rate=0.2)
    tables = [simulate(plan, [node(1, gpus=gpus)], faults=faults) for gpus in (1, 2, 4)]
    lengths = [{each.run_id: pytest.approx(each.seconds) for each in table.attempts} for table in tables]
    for one, other in pairwise(lengths):
        assert one == other


def test_the_bound_follows_the_machines_that_are_there() -> None:
    """40 runs of 1 s: 10 by 10 s on one GPU, then 30 on three."""
    plan = graphs.plan([graphs.node(f"n{i}", share=ONE_GPU) for i in range(40)])
    table = simulate(plan, [node(1)], changes=[Change(time=10, joins=[node(2, gpus=2)])])
    assert bound_of(table, plan) == table.makespan == 20


def test_the_bound_of_the_worst_case_by_hand() -> None:
    """Two whole GPUs, runs of one GPU and a core each: a run waits only while both are taken. So at most the chain of
    5 + 2 s, and half of all 13 s of work, each second weighed by 1/2 for its GPU and 1/16/2 for its core.
    """
    parent, other = graphs.node("a", cost=5, share=ONE_GPU), graphs.node("b", cost=6, share=ONE_GPU)
    plan = graphs.plan([parent, other, graphs.node("c", parent=parent, cost=2, share=ONE_GPU)])
    seconds = {node_id: each.cost for node_id, each in plan.nodes.items()}
    found = list_bound(plan, [[node(1), node(2)]], seconds)
    assert found == pytest.approx(7 + 13 * (1 + 1 / 16) / 2)
    assert list_bound(plan, [[Machine(name="m", cpus=4)], []], seconds) == math.inf

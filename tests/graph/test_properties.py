"""What holds of every sweep, whatever its graph, its cluster and its luck: against oracles that know no Graph."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep.graph.bounds import bound_of, critical_path, list_bound, lower_bound
from sweep.graph.capacity import Machine
from sweep.graph.simulation import simulate
from sweep.graph.timetable import End, Timetable
from tests.made import graphs, sweeps
from tests.made.sweeps import Sweep, at, check_table, fits
from trainables.ledger.plan import Plan, Share
from trainables.ledger.states import State

pytestmark = pytest.mark.timeout(600)
EXAMPLES = 120


def run(sweep: Sweep) -> Timetable:
    return simulate(
        sweep.plan, sweep.machines, seconds=sweep.seconds, faults=sweep.faults, changes=sweep.changes
    )  # fmt: skip


def ended_well(table: Timetable) -> dict[str, float]:
    return {attempt.run_id: attempt.end for attempt in table.attempts if attempt.how is End.DONE}


@settings(max_examples=EXAMPLES, deadline=None)
@given(sweep=sweeps.sweeps())
def test_no_run_starts_before_its_parents_have_ended_well(sweep: Sweep) -> None:
    table = run(sweep)
    done = ended_well(table)
    for attempt in table.attempts:
        for parent in sweep.plan.nodes[attempt.node].parents:
            assert done[parent] <= attempt.start


@settings(max_examples=EXAMPLES, deadline=None)
@given(sweep=sweeps.sweeps())
def test_no_core_and_no_gpu_is_given_twice(sweep: Sweep) -> None:
    check_table(run(sweep))


@settings(max_examples=EXAMPLES, deadline=None)
@given(sweep=sweeps.sweeps())
def test_everything_that_can_be_done_is_done(sweep: Sweep) -> None:
    """A node ends done, failed, below one that failed, or waiting for a machine that is not there at the end."""
    table = run(sweep)
    done, last = set(ended_well(table)), table.clusters[-1][1]
    lost_too_often = {attempt.run_id for attempt in table.attempts} - done
    for node_id, node in sweep.plan.nodes.items():
        above = list(_ancestors(sweep.plan, node_id))
        if node_id in done:
            assert table.states[node_id] is State.DONE
        elif node_id in lost_too_often and table.states[node_id] is State.FAILED:
            attempts = [attempt.how for attempt in table.attempts if attempt.run_id == node_id]
            assert attempts[-1] is End.FAILED or may_have_failed(attempts)
        elif any(table.states[each] is State.FAILED for each in above):
            assert table.states[node_id] is State.BLOCKED
        elif set(above) <= done:
            assert not any(fits(node.share, machine) for machine in last), f"{node.name} was left although it fits"
            assert table.states[node_id] is State.READY
        else:
            assert table.states[node_id] is State.WAITING


def may_have_failed(hows: list[End]) -> bool:
    """Whether a run has lost three workers; nine nodes do not count, further ones do."""
    nodes = hows.count(End.NODE_LOST)
    return hows.count(End.LOST) + hows.count(End.HUNG) + max(nodes - 9, 0) == 3


def _ancestors(plan: Plan, node_id: str) -> list[str]:
    found: list[str] = []
    pending = list(plan.nodes[node_id].parents)
    while pending:
        found.append(pending.pop())
        pending += plan.nodes[found[-1]].parents
    return found


@settings(max_examples=EXAMPLES, deadline=None)
@given(sweep=sweeps.sweeps())
def test_the_same_seed_is_the_same_sweep(sweep: Sweep) -> None:
    assert run(sweep) == run(sweep)


@settings(max_examples=EXAMPLES, deadline=None)
@given(sweep=sweeps.sweeps())
def test_a_run_loses_three_workers_at_most_and_nine_nodes_beside_and_has_one_end(sweep: Sweep) -> None:
    table = run(sweep)
    for run_id in {attempt.run_id for attempt in table.attempts}:
        hows = [attempt.how for attempt in table.attempts if attempt.run_id == run_id]
        assert not {End.DONE, End.FAILED} & set(hows[:-1])
        assert not any(may_have_failed(hows[:number]) for number in range(len(hows)))
        assert (run_id in table.ends) == (hows[-1] in (End.DONE, End.FAILED) or may_have_failed(hows))


@settings(max_examples=EXAMPLES, deadline=None)
@given(sweep=sweeps.sweeps())
def test_work_that_is_kept_adds_up_to_the_run(sweep: Sweep) -> None:
    """No second of work is lost that a checkpoint held, none counts twice."""
    table = run(sweep)
    for run_id in ended_well(table):
        attempts = [attempt for attempt in table.attempts if attempt.run_id == run_id]
        assert math.fsum(attempt.kept for attempt in attempts) == pytest.approx(sweep.seconds[run_id])
        for number, attempt in enumerate(attempts):
            restart = sweep.faults.restart_seconds if number else 0.0
            silence = sweep.faults.silence if attempt.how is End.HUNG else 0.0
            assert attempt.kept <= attempt.seconds - silence + 1e-9
            if attempt.how is End.LOST:
                lost = attempt.seconds - restart - attempt.kept
                assert -1e-9 <= lost <= sweep.faults.checkpoint_seconds + 1e-9


@settings(max_examples=EXAMPLES, deadline=None)
@given(sweep=sweeps.sweeps(), trials=st.lists(st.integers(0, 4), min_size=14, max_size=14), parallel=st.integers(1, 3))
def test_searches_run_so_many_trials_at_a_time_and_their_children_wait_for_all(
    sweep: Sweep, trials: list[int], parallel: int
) -> None:
    """Nodes of no trial at all are done already."""
    left = dict(zip(sweep.plan.nodes, trials, strict=False))
    table = simulate(
        sweep.plan, sweep.machines, left=left, parallel=parallel, faults=sweep.faults, changes=sweep.changes
    )
    check_table(table)
    for node_id, node in sweep.plan.nodes.items():
        own = [attempt for attempt in table.attempts if attempt.node == node_id]
        assert all(sum(each.node == node_id for each in at(table, attempt.start)) <= parallel for attempt in own)
        ended = [table.ends[run_id] for run_id in {attempt.run_id for attempt in own} if run_id in table.ends]
        if table.states[node_id] in (State.DONE, State.FAILED):
            assert len(ended) == left[node_id]
            assert (table.states[node_id] is State.DONE) == (not own or any(each.how is End.DONE for each in own))
        for parent in node.parents:
            above = [table.ends.get(attempt.run_id, math.inf) for attempt in table.attempts if attempt.node == parent]
            if above and own:
                assert max(above) <= min(attempt.start for attempt in own)


# how long it takes


@settings(max_examples=EXAMPLES, deadline=None)
@given(sweep=sweeps.sweeps(faulty=False), most=st.sampled_from([0, 0, 1, 2, 3]))
def test_the_wall_clock_lies_between_its_bounds(sweep: Sweep, most: int) -> None:
    table = simulate(sweep.plan, sweep.machines, seconds=sweep.seconds, max_concurrent=most)
    least = lower_bound(sweep.plan, sweep.machines, sweep.seconds)
    assert bound_of(table, sweep.plan) == pytest.approx(least)
    assert least - 1e-9 <= table.makespan <= list_bound(sweep.plan, [sweep.machines], sweep.seconds, most) + 1e-9


@settings(max_examples=EXAMPLES, deadline=None)
@given(sweep=sweeps.sweeps(faulty=False, shares=st.just(Share(gpus=1.0))), gpus=st.integers(1, 6))
def test_runs_of_one_size_keep_grahams_bound(sweep: Sweep, gpus: int) -> None:
    """Of any order on m like machines: work/m + (1 - 1/m) critical path (Graham 1969), whatever the estimates."""
    table = simulate(sweep.plan, [Machine(name="m", cpus=64, gpus=gpus)], seconds=sweep.seconds)
    longest = critical_path(sweep.plan, sweep.seconds)
    assert table.makespan <= sum(sweep.seconds.values()) / gpus + (1 - 1 / gpus) * longest + 1e-9


@settings(max_examples=EXAMPLES, deadline=None)
@given(sweep=sweeps.sweeps())
def test_with_faults_the_wall_clock_lies_between_its_bounds(sweep: Sweep) -> None:
    """The seconds of a node are those of all its attempts then; machines that come and go are held by the worst."""
    table = run(sweep)
    assert bound_of(table, sweep.plan) <= table.makespan + 1e-9
    held = dict.fromkeys(sweep.plan.nodes, 0.0)
    for attempt in table.attempts:
        held[attempt.node] += attempt.seconds
    clusters = [machines for _, _, machines in table.periods()] or [sweep.machines]
    if clusters[0] == sweep.machines:
        assert table.makespan <= list_bound(sweep.plan, clusters, held) + 1e-9


# the head of the queue


@settings(max_examples=2 * EXAMPLES, deadline=None)
@given(found=sweeps.nodes(), machines=sweeps.clusters())
def test_backfill_never_delays_the_head_of_the_queue(found, machines) -> None:
    """Were nothing else started, the head would start when those at work have ended: it starts no later for what goes
    before it, unless a run of a higher rank has become ready meanwhile.
    """
    plan = graphs.plan(found)
    table = simulate(plan, machines)
    done = ended_well(table)
    order = {node_id: (-_rank(plan, node_id), index) for index, node_id in enumerate(plan.nodes)}
    for moment in sorted({*table.starts.values(), *table.ends.values()}):
        ready = [
            node_id
            for node_id, node in plan.nodes.items()
            if table.starts[node_id] > moment and all(done[parent] <= moment for parent in node.parents)
        ]
        if not ready:
            continue
        head = min(ready, key=order.__getitem__)
        if any(moment < table.starts[each] <= table.starts[head] and order[each] < order[head] for each in plan.nodes):
            continue  # one of a higher rank has come between
        assert table.starts[head] <= _drained(table, moment, plan.nodes[head].share, machines) + 1e-9


def _rank(plan: Plan, node_id: str) -> float:
    """Seconds of the longest chain that a node begins."""
    children = [each for each, node in plan.nodes.items() if node_id in node.parents]
    return plan.nodes[node_id].cost + max((_rank(plan, child) for child in children), default=0.0)


def _drained(table: Timetable, moment: float, share: Share, machines: tuple[Machine, ...]) -> float:
    """When a share first finds room if nothing is started after a moment: by trying every machine at every end."""
    atwork = at(table, moment)
    for time in sorted({moment, *(attempt.end for attempt in atwork)}):
        left = [attempt for attempt in atwork if attempt.end > time]
        for machine in machines:
            here = [attempt.seat for attempt in left if attempt.seat.machine == machine.name]
            cores = machine.cpus - sum(seat.share.cpus for seat in here)
            free = [
                1 - sum(min(seat.share.gpus, 1.0) for seat in here if gpu in seat.gpus) for gpu in range(machine.gpus)
            ]
            wanted = 1 if 0 < share.gpus < 1 else int(share.gpus)
            if cores >= share.cpus and sum(each >= min(share.gpus, 1.0) - 1e-6 for each in free) >= wanted:
                return time
    raise AssertionError("no machine holds it when all are empty")

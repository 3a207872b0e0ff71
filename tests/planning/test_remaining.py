"""Time to go: exact where costs are true, sane where they are not, from the start to the end."""

from __future__ import annotations

import dataclasses
import math
import random
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep.graph.capacity import Machine
from sweep.graph.simulation import simulate
from sweep.planning.remaining import OPEN, Live, Remaining, runs_left
from tests.made import graphs
from tests.made.executors import quadratic_record
from trainables.ledger.plan import Plan
from trainables.ledger.states import State
from trainables.ledger.store import Store

CORES = [Machine(name="here", cpus=2)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Told:
    """What was said at one moment, what was true, and how many runs had ended."""

    to_go: float
    true: float
    ended: int


def sweep(plan: Plan, seconds: Mapping[str, float], *, reports: bool) -> list[Told]:
    """Run a plan by a clock of its own; what is said of the rest after every start and end."""
    timetable = simulate(plan, CORES, seconds=seconds)
    ends = [(time, False, run_id) for run_id, time in timetable.ends.items()]
    events = sorted([*ends, *((time, True, run_id) for run_id, time in timetable.starts.items())])
    states, live, told = dict.fromkeys(plan.nodes, State.WAITING), dict[str, Live](), list[Told]()
    remaining = Remaining(plan, lambda: CORES, lambda run_id: int(states[run_id] in OPEN))
    for place, (now, starts, run_id) in enumerate(events):
        if starts:
            live[run_id], states[run_id] = Live(started=now), State.RUNNING
        else:
            remaining.end(run_id, now - live.pop(run_id).started)
            states[run_id] = State.DONE
        if place + 1 < len(events) and events[place + 1][0] == now:
            continue
        for other, at in live.items():
            if reports and now > at.started:
                at.advance((now - at.started) / seconds[other], now)
        ended = list(states.values()).count(State.DONE)
        told.append(Told(to_go=remaining.seconds(live, now), true=timetable.makespan - now, ended=ended))
    return told


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Up to four intermediate runs, each with up to four targets, of all costs."""
    costs, nodes = st.floats(1000, 100_000), []
    for number in range(draw(st.integers(1, 4))):
        parent = graphs.node(f"p{number}", cost=draw(costs))
        children = [graphs.node(f"c{n}", parent=parent, cost=draw(costs)) for n in range(draw(st.integers(0, 4)))]
        nodes += [parent, *children]
    return graphs.plan(nodes)


def as_planned(plan: Plan, times: float = 1.0) -> dict[str, float]:
    return {run_id: times * node.cost for run_id, node in plan.nodes.items()}


@settings(max_examples=60)
@given(plan=plans(), reports=st.booleans())
def test_where_costs_are_true_so_is_what_is_said(plan: Plan, reports: bool) -> None:
    """But for the order of runs that compete for a core, which may change what waits for the longest of them."""
    told = sweep(plan, as_planned(plan), reports=reports)
    longest = max(node.cost for node in plan.nodes.values())
    assert told[0].to_go == pytest.approx(told[0].true)
    assert all(abs(each.to_go - each.true) <= longest + 1e-6 for each in told)
    assert told[-1].to_go == 0


@settings(max_examples=60)
@given(plan=plans(), slower=st.floats(0.2, 5.0), seed=st.integers(0, 9), reports=st.booleans())
def test_a_machine_that_is_slower_or_faster_is_found_out_as_runs_end(
    plan: Plan, slower: float, seed: int, reports: bool
) -> None:
    luck = random.Random(seed)
    true = {run_id: cost * math.exp(luck.gauss(0, 0.1)) for run_id, cost in as_planned(plan, slower).items()}
    told = sweep(plan, true, reports=reports)
    whole = told[0].true
    for each in told:
        assert 0 <= each.to_go <= 1.5 * max(slower, 1 / slower) * max(whole, whole / slower)
        if each.ended >= 4 and each.true > 0.2 * whole:
            assert 1 / 3 < each.to_go / each.true < 3


def test_at_the_start_it_is_the_makespan_of_the_plan() -> None:
    plan = graphs.fan(["a", "b", "c"], ["x", "y"])
    remaining = Remaining(plan, lambda: CORES, lambda run_id: 1)
    assert remaining.seconds({}, 0.0) == simulate(plan, CORES).makespan == 6.0  # 12 s of work on two cores


def alone(**changes: object) -> tuple[Remaining, str]:
    """A run of 100 s on one machine, by itself."""
    node = dataclasses.replace(graphs.node("a", cost=100.0), **changes)
    return Remaining(graphs.plan([node]), lambda: CORES, lambda run_id: 1), node.run_id


def test_a_run_goes_on_at_its_own_pace_the_more_so_the_further_it_is() -> None:
    """Half of its training in 200 s where 100 s were expected: 200 s more by its pace, 50 s by the estimate."""
    remaining, run_id = alone()
    live = Live(started=0.0)
    live.advance(0.01, 4.0)
    live.advance(0.5, 200.0)
    trust = 0.5 / 0.6
    own = (200 - 4) / 0.49 * 0.5
    assert remaining.seconds({run_id: live}, 200.0) == pytest.approx(trust * own + (1 - trust) * 50)


def test_what_follows_the_training_is_still_to_come() -> None:
    stages = {"load": 10.0, "train": 50.0, "evaluate": 30.0, "save": 10.0}
    remaining, run_id = alone(stages=stages)
    live = Live(started=0.0)
    assert remaining.seconds({run_id: live}, 4.0) == 96
    live.advance(1.0, 60.0)
    assert remaining.seconds({run_id: live}, 60.0) == pytest.approx(40)
    assert remaining.seconds({run_id: live}, 75.0) == pytest.approx(25)
    assert remaining.seconds({run_id: live}, 1000.0) == pytest.approx(4)


def test_a_run_that_is_overdue_needs_a_tenth_of_what_it_has_taken() -> None:
    remaining, run_id = alone()
    assert remaining.seconds({run_id: Live(started=0.0)}, 500.0) == 50


def test_a_run_whose_node_has_left_the_cluster_is_counted_all_the_same() -> None:
    node = graphs.node("a", cost=100.0)
    none = Remaining(graphs.plan([node]), list, lambda run_id: 1)
    small = Remaining(
        graphs.plan([dataclasses.replace(node, share=dataclasses.replace(node.share, cpus=4))]),
        lambda: CORES, lambda run_id: 1,
    )  # fmt: skip
    assert none.seconds({}, 0.0) == small.seconds({}, 0.0) == 100


def test_the_error_is_that_of_the_costs_of_the_plan() -> None:
    plan = graphs.fan(["a", "b"], ["x"])
    remaining = Remaining(plan, lambda: CORES, lambda run_id: 1)
    assert remaining.error is None
    for run_id, node in plan.nodes.items():
        remaining.end(run_id, 3 * node.cost)
    assert remaining.error
    assert (remaining.error.runs, remaining.error.ratio) == (4, 3)


def test_of_a_search_the_trials_are_left_that_have_not_ended(store: Store) -> None:
    graph = graphs.graph_of(graphs.fan(["a"], ["x"]), store, graphs.fields(intermediate=3), machines=CORES)
    parent, child = graph.plan.nodes
    assert (runs_left(graph, parent), runs_left(graph, child)) == (3, 1)
    run_id = graph.start(0.0)
    assert run_id
    store.finish(quadratic_record(graph.runs[run_id].spec, "a"))
    graph.finish(run_id)
    assert runs_left(graph, parent) == 2
    graphs.drive(graph, store)
    assert (runs_left(graph, parent), runs_left(graph, child)) == (0, 0)

"""A budget in hours: what a trial is expected to gain, and how hours are spread."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.paper_plan import paper_plan
from search_spaces.search_fields import SearchFields
from sweep.planning.budget import (
    CARRIED,
    MOST_TRIALS,
    Candidate,
    allocate,
    best_of,
    candidates,
    cells_that_gain,
    trial_hours,
    unit,
)
from tests.made import graphs
from trainables.ledger.plan import Plan, Share
from trainables.ledger.spec import Phase

# the expected best of n


def test_the_expected_best_of_n_normals_is_that_of_the_tables() -> None:
    # 1 / sqrt(pi), 3 / (2 sqrt(pi)); the others from tables of normal order statistics (Harter 1961)
    known = {2: 1 / math.sqrt(math.pi), 3: 1.5 / math.sqrt(math.pi), 5: 1.16296, 10: 1.53875, 100: 2.50759}
    for n, value in known.items():
        assert sum(map(best_of, range(2, n + 1))) == pytest.approx(value, abs=1e-5)
    assert sum(map(best_of, range(MOST_TRIALS + 1, MOST_TRIALS + 11))) < 0.04


@pytest.mark.parametrize("n", [2, 7, 20])
def test_the_expected_best_of_n_normals_is_that_of_a_simulation(n: int) -> None:
    drawn = np.random.default_rng(n).standard_normal((200_000, n)).max(axis=1)
    assert sum(map(best_of, range(2, n + 1))) == pytest.approx(
        drawn.mean(), abs=4 * drawn.std() / math.sqrt(len(drawn))
    )


# how hours are spread

CANDIDATES = st.lists(
    st.builds(
        Candidate,
        hours=st.sampled_from([0.5, 1.0, 1.5, 2.0, 3.5]),
        weight=st.sampled_from([0.2, 1.0, 1.8, 2.0]),
        most=st.integers(1, 5),
    ),
    min_size=1,
    max_size=4,
).map(lambda found: {str(index): each for index, each in enumerate(found)})


def gain(nodes: dict[str, Candidate], trials: dict[str, int]) -> float:
    return sum(each.weight * sum(map(best_of, range(2, trials[node_id] + 1))) for node_id, each in nodes.items())


def optimum(nodes: dict[str, Candidate], hours: float) -> float:
    """The largest expected gain of all allocations that the hours pay for, each looked at."""
    best = 0.0
    for numbers in itertools.product(*(range(1, each.most + 1) for each in nodes.values())):
        if sum((n - 1) * each.hours for n, each in zip(numbers, nodes.values(), strict=True)) <= hours + 1e-9:
            best = max(best, gain(nodes, dict(zip(nodes, numbers, strict=True))))
    return best


@settings(deadline=None)
@given(nodes=CANDIDATES, hours=st.floats(0, 12))
def test_no_allocation_gains_more_but_for_the_last_trial(nodes: dict[str, Candidate], hours: float) -> None:
    found = allocate(nodes, hours)
    assert all(n == 0 or 2 <= n <= nodes[node_id].most for node_id, n in found.items())
    spent = sum(max(n - 1, 0) * nodes[node_id].hours for node_id, n in found.items())
    assert spent <= hours + 1e-6
    best = optimum(nodes, hours)
    refused = [
        each.weight * best_of(max(found[node_id], 1) + 1)
        for node_id, each in nodes.items()
        if max(found[node_id], 1) < each.most
    ]
    assert gain(nodes, found) <= best + 1e-9
    assert gain(nodes, found) + max(refused, default=0.0) >= best - 1e-9
    assert all(spent + nodes[node_id].hours > hours for node_id, n in found.items() if max(n, 1) < nodes[node_id].most)


@settings(deadline=None)
@given(nodes=CANDIDATES, hours=st.integers(0, 12))
def test_between_runs_of_one_cost_the_allocation_is_the_best_there_is(nodes: dict[str, Candidate], hours: int) -> None:
    alike = {node_id: dataclasses.replace(each, hours=1.0) for node_id, each in nodes.items()}
    assert gain(alike, allocate(alike, hours)) == pytest.approx(optimum(alike, hours))


def test_a_first_further_trial_makes_a_study_of_two() -> None:
    node = Candidate(hours=2.0, weight=1.0, most=9)
    assert [allocate({"a": node}, hours)["a"] for hours in (0, 1.9, 2, 3.9, 4)] == [0, 0, 2, 2, 3]


def test_the_cheaper_and_the_weightier_run_gets_more() -> None:
    plain = Candidate(hours=1.0, weight=1.0, most=99)
    found = allocate(
        {
            "cheap": dataclasses.replace(plain, hours=0.25),
            "plain": plain,
            "shared": dataclasses.replace(plain, weight=4.0),
        },
        20.0,
    )
    assert found["cheap"] > found["plain"] < found["shared"]


def test_what_a_run_holds_it_keeps() -> None:
    nodes = {"a": Candidate(hours=1.0, weight=1.0, most=9, held=7), "b": Candidate(hours=1.0, weight=1.0, most=9)}
    assert allocate(nodes, 6.0) == {"a": 7, "b": 0}
    assert allocate(nodes, 8.0) == {"a": 7, "b": 3}


def test_cells_of_a_run_count_and_those_below_count_in_part() -> None:
    plan = paper_plan()
    weights = cells_that_gain(plan)
    by_name = {node.name: weights[node_id] for node_id, node in plan.nodes.items()}
    assert by_name["none -> xquad,mlqa #0"] == 2
    assert by_name["none -> xnli #0"] == 1
    assert by_name["squad #0"] == by_name["squad+mlm #0"] == pytest.approx(CARRIED * 9)
    alone = Plan(nodes=plan.nodes, cells={})
    assert set(cells_that_gain(alone).values()) == {1.0}


def test_hours_are_of_the_share_of_a_gpu_or_of_cores() -> None:
    quarter = graphs.node("a", cost=7200, share=Share(gpus=0.25, cpus=3))
    beside = graphs.node("b", cost=7200, share=Share(cpus=2))
    plan = graphs.plan([quarter, beside])
    assert unit(plan) == "GPU-hours"
    assert trial_hours(quarter, plan) == 0.5
    search = SearchFields.model_validate({"gpu_hours": 5})
    assert list(candidates(graphs.searched(plan, search), search)) == [quarter.run_id]  # the other costs no GPU-hours
    cores = graphs.plan([beside])
    assert (unit(cores), trial_hours(beside, cores)) == ("core-hours", 4.0)


def test_numbers_of_phases_are_the_most_trials_of_a_run() -> None:
    search = SearchFields.model_validate({"gpu_hours": 1000, "intermediate": 12, "target": 1})
    plan = graphs.searched(paper_plan(), search)
    found = allocate(candidates(plan, search), 1000)
    of_phase = {phase: {found[id_] for id_ in found if plan.nodes[id_].spec.phase is phase} for phase in Phase}
    assert of_phase == {Phase.INTERMEDIATE: {12}, Phase.TARGET: {0}, Phase.RETRIEVAL: set()}

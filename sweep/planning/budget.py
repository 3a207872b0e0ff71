"""The budget of a sweep's searches: GPU-hours spread over the runs, by what a trial costs and is expected to gain.

The configured run of every node is the grid's own work; the hours pay for the trials beyond it. They are granted one
at a time, to the node with the most expected gain an hour. The best of n trials is expected to lie E[max of n normals]
spreads above the mean, a concave function of n; so the order is that of the continuous optimum, and all that can be
lost is the trial for which the hours no longer suffice. What is assumed here is in docs/search.md.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

from search_spaces.search_fields import SearchFields
from trainables.ledger.plan import Node, Plan

SPREAD = 1.0
"""Dev points by which settings drawn from the ranges differ, as a standard deviation; assumed for every run."""
CARRIED = 0.2
"""Part of an intermediate run's gain that reaches each cell below it; assumed."""
MOST_TRIALS = 100
"""Of one run, where no number is given: ten more would be expected to gain less than 0.04 spreads."""
_HOUR = 3600.0
_REACH, _STEPS_PER_UNIT = 9, 32
"""The integral over normals goes from -9 to 9; beyond, the tails are below 1e-18."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A node that can be searched.

    Attributes:
        hours: of one trial.
        weight: cells of the table that gain what the run gains.
        most: trials it may have, the configured run among them.
        held: trials it has from an earlier allocation, which it keeps.
    """

    hours: float
    weight: float
    most: int
    held: int = 0


def allocate(candidates: Mapping[str, Candidate], hours: float) -> dict[str, int]:
    """Trials of each node, the configured run among them: 0, or from 2 to its most.

    Of equals the earlier node is served first.
    """
    granted = {node_id: max(min(each.held, each.most), 1) for node_id, each in candidates.items()}
    left = hours - sum((granted[node_id] - 1) * each.hours for node_id, each in candidates.items())
    order = {node_id: index for index, node_id in enumerate(candidates)}
    queue = [(_price(each, granted[node_id] + 1), order[node_id], node_id) for node_id, each in candidates.items()]
    heapq.heapify(queue)
    while queue:
        _, _, node_id = heapq.heappop(queue)
        each = candidates[node_id]
        if granted[node_id] >= each.most or each.hours > left * (1 + 1e-9):
            continue
        granted[node_id] += 1
        left -= each.hours
        heapq.heappush(queue, (_price(each, granted[node_id] + 1), order[node_id], node_id))
    return {node_id: trials if trials > 1 else 0 for node_id, trials in granted.items()}


@cache
def best_of(n: int) -> float:
    """By how much the best of n standard normals is expected to exceed the best of n - 1.

    E[max of n] - E[max of n - 1] is the integral of F^(n-1) (1 - F), F the normal distribution; on a function that is
    flat at both ends the trapezoid rule is exact to rounding.
    """
    normal = NormalDist()
    points = (step / _STEPS_PER_UNIT for step in range(-_REACH * _STEPS_PER_UNIT, _REACH * _STEPS_PER_UNIT + 1))
    return sum((below := normal.cdf(x)) ** (n - 1) * (1 - below) for x in points) / _STEPS_PER_UNIT


def candidates(plan: Plan, search: SearchFields) -> dict[str, Candidate]:
    """Node id -> what the allocation needs to know of it, for all nodes that may vary and cost of the budget."""
    weights = cells_that_gain(plan)
    hours = {node_id: trial_hours(node, plan) for node_id, node in plan.nodes.items() if node.space}
    return {
        node_id: Candidate(
            hours=own, weight=weights[node_id], most=search.count(plan.nodes[node_id].spec.phase) or MOST_TRIALS
        )
        for node_id, own in hours.items()
        if own
    }


def cells_that_gain(plan: Plan) -> dict[str, float]:
    """Node id -> its own cells and, for each cell below it, the part that is carried over; 1 where there is neither."""
    own = Counter(plan.cells.values())
    below: defaultdict[str, int] = defaultdict(int)
    for node_id, node in reversed(list(plan.nodes.items())):
        for parent in node.parents:
            below[parent] += own[node_id] + below[node_id]
    return {node_id: own[node_id] + CARRIED * below[node_id] or 1.0 for node_id in plan.nodes}


def unit(plan: Plan) -> str:
    """What the hours of a budget are: of cores where no run takes a GPU."""
    return "GPU-hours" if _on_gpus(plan) else "core-hours"


def trial_hours(node: Node, plan: Plan) -> float:
    """GPU-hours of one trial, or core-hours; 0 for a run on cores beside runs on GPUs, which costs no GPU-hours."""
    return node.cost / _HOUR * (node.share.gpus if _on_gpus(plan) else node.share.cpus)


def _on_gpus(plan: Plan) -> bool:
    return any(node.share.gpus for node in plan.nodes.values())


def _price(candidate: Candidate, trials: int) -> float:
    """Hours for a point of expected gain of the last of so many trials: what is cheapest comes first."""
    return candidate.hours / (candidate.weight * SPREAD * best_of(trials))

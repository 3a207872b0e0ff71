"""Bounds of the wall clock: what no schedule can beat, and what the graph's never exceeds."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from sweep.graph.capacity import Capacity, Machine
from sweep.graph.timetable import End, Timetable, num_cpus, num_gpus
from trainables.ledger.plan import Plan, Share


def lower_bound(plan: Plan, machines: Sequence[Machine], seconds: Mapping[str, float] | None = None) -> float:
    """Seconds that no schedule can beat: the critical path, or all work spread evenly over GPUs (or over cores).

    `seconds` are true durations by node where they are not the costs; of searches only the configured runs count.
    """
    capacity = Capacity(machines)
    true = {node_id: (seconds or {}).get(node_id, node.cost) for node_id, node in plan.nodes.items()}
    shares = {node_id: capacity.fitted(node.share) for node_id, node in plan.nodes.items()}
    gpus, cpus = num_gpus(tuple(machines)), num_cpus(tuple(machines))
    gpu_work = sum(true[node_id] * share.gpus for node_id, share in shares.items())
    cpu_work = sum(true[node_id] * share.cpus for node_id, share in shares.items())
    return max(critical_path(plan, true), gpu_work / gpus if gpus else 0.0, cpu_work / cpus)


def critical_path(plan: Plan, seconds: Mapping[str, float]) -> float:
    """Seconds of the longest chain of nodes, each of which takes so long."""
    below: defaultdict[str, float] = defaultdict(float)
    longest = 0.0
    for node_id in reversed(list(plan.nodes)):
        whole = seconds.get(node_id, 0.0) + below[node_id]
        longest = max(longest, whole)
        for parent in plan.nodes[node_id].parents:
            below[parent] = max(below[parent], whole)
    return longest


def bound_of(table: Timetable, plan: Plan, parallel: int = 1) -> float:
    """Seconds that no schedule beats which computes what this one has computed, on the machines as they were there.

    That is the longest chain of what was done, or the time at which the GPUs (or the cores) that were there could have
    done all of it had they never been idle and nothing been lost.
    """
    by_node: defaultdict[str, list[float]] = defaultdict(list)
    for (node_id, _), seconds in useful_seconds(table).items():
        by_node[node_id].append(seconds)
    chain = critical_path(plan, {node: max(max(each), sum(each) / parallel) for node, each in by_node.items()})
    gpu_work, cpu_work = useful_work(table)
    return max(chain, _when(table, gpu_work, num_gpus), _when(table, cpu_work, num_cpus))


def useful_seconds(table: Timetable) -> dict[tuple[str, str], float]:
    """(node of the plan, run) -> seconds of its work, of the runs that ended with a record."""
    done = {attempt.run_id for attempt in table.attempts if attempt.how is End.DONE}
    found: defaultdict[tuple[str, str], float] = defaultdict(float)
    for attempt in table.attempts:
        if attempt.run_id in done:
            found[attempt.node, attempt.run_id] += attempt.kept
    return dict(found)


def useful_work(table: Timetable) -> tuple[float, float]:
    """Seconds of a GPU and of a core that went into runs that ended with a record."""
    done = {attempt.run_id for attempt in table.attempts if attempt.how is End.DONE}
    useful = [attempt for attempt in table.attempts if attempt.run_id in done]
    gpus = sum(attempt.kept * attempt.seat.share.gpus for attempt in useful)
    return gpus, sum(attempt.kept * attempt.seat.share.cpus for attempt in useful)


def list_bound(plan: Plan, clusters: Sequence[Sequence[Machine]], seconds: Mapping[str, float], most: int = 0) -> float:
    """Seconds that the graph's wall clock never exceeds, however wrong the estimates are.

    Infinite where a node fits on no machine of a cluster. `clusters` are the machines at one time and another, the
    first at the start; `seconds` are what a node takes in all, its lost attempts among them; `most` are the runs at
    once (0: as many as fit).

    It is Graham's argument (1969) for runs of several sizes. From the last run to end go back: while it ran, to when it
    came to wait, to the end of its parent, and so on. Whatever of the wall clock is not in that chain's runs, some run
    waited, so that the first of the queue found no room. Where a share s finds no room on a machine, either more than
    C - s cores are in use or enough of its GPUs; so the runs at work, each weighed by what it takes of what blocks s
    there, add up to at least 1 over the machines that could hold s. That time is thus at most the weighted sum of all
    seconds, and the wall clock at most the critical path more. Nothing is said of which run waits, so the order and
    the places kept for the head of the queue are free.
    """
    nodes = [node for node_id, node in plan.nodes.items() if seconds.get(node_id)]
    weights: defaultdict[Share, float] = defaultdict(float)
    fitted = Capacity(clusters[0]).fitted
    shares = {fitted(node.share) for node in nodes}
    smallest = min((share.gpus for share in shares if share.gpus), default=0.0)
    for machines in clusters:
        for blocked in shares:
            holding = [machine for machine in machines if Capacity([machine]).seat(blocked)]
            if not holding:
                return math.inf
            for share in shares:
                weight = max(_part(share, blocked, machine, smallest) for machine in holding) / len(holding)
                weights[share] = max(weights[share], weight, 1 / most if most else 0.0)
    waited = math.fsum(seconds[node.run_id] * weights[fitted(node.share)] for node in nodes)
    return critical_path(plan, seconds) + waited


def _part(share: Share, blocked: Share, machine: Machine, smallest: float) -> float:
    """What a run takes of the least that keeps another from a machine which it would fit when empty."""
    found = share.cpus / (machine.cpus - blocked.cpus + 1)
    if not blocked.gpus or not share.gpus:
        return found
    if blocked.gpus < 1:
        least = machine.gpus * max(1 - blocked.gpus, min(smallest, 1.0))
    else:
        least = (machine.gpus - blocked.gpus + 1) * min(smallest, 1.0)
    return found + share.gpus / least


def _when(table: Timetable, work: float, number: Callable[[tuple[Machine, ...]], int]) -> float:
    """When so many seconds of a GPU, or of a core, could have been done on the machines that were there."""
    end = 0.0
    for since, until, machines in table.periods():
        if number(machines) and work <= number(machines) * (until - since):
            return since + work / number(machines) if work > 0 else end
        work -= number(machines) * (until - since)
        end = until
    return end

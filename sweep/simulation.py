"""Simulation: the wall clock of a plan on given machines, by the very scheduler that will run it."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sweep.capacity import Machine
from sweep.nodes import Node
from sweep.scheduler import Scheduler


@dataclass(frozen=True, kw_only=True)
class Timetable:
    """When each run starts and ends, in seconds from the start of the sweep."""

    starts: Mapping[str, float]
    ends: Mapping[str, float]

    @property
    def makespan(self) -> float:
        """Seconds from the first start to the last end."""
        return max(self.ends.values(), default=0.0)


def simulate(
    nodes: Mapping[str, Node],
    done: Collection[str],
    machines: Sequence[Machine],
    *,
    seconds: Mapping[str, float] | None = None,
    max_concurrent: int = 0,
) -> Timetable:
    """Run the graph on paper. `seconds` are the true durations where they differ from the costs planned with."""
    scheduler = Scheduler(nodes, done, machines, max_concurrent=max_concurrent)
    starts: dict[str, float] = {}
    ends: dict[str, float] = {}
    running: list[tuple[float, int, str]] = []
    now = 0.0
    while True:
        while run_id := scheduler.start(now):
            starts[run_id] = now
            ends[run_id] = now + (seconds or {}).get(run_id, nodes[run_id].cost)
            heapq.heappush(running, (ends[run_id], len(starts), run_id))
        if not running:
            return Timetable(starts=starts, ends=ends)
        now, _, ended = heapq.heappop(running)
        scheduler.finish(ended)


def lower_bound(nodes: Mapping[str, Node], machines: Sequence[Machine]) -> float:
    """Seconds that no schedule can beat: the critical path, or all work spread evenly over GPUs (or over cores)."""
    gpus = sum(machine.gpus for machine in machines)
    cpus = sum(machine.cpus for machine in machines)
    critical_path = max(Scheduler(nodes, (), machines).ranks.values(), default=0.0)
    gpu_work = sum(node.cost * node.share.gpus for node in nodes.values())
    cpu_work = sum(node.cost * node.share.cpus for node in nodes.values())
    return max(critical_path, gpu_work / gpus if gpus else 0.0, cpu_work / cpus)

"""Simulation of a graph with searches: its wall clock on given machines, by the very scheduler that will run it."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from sweep.capacity import Machine
from sweep.nodes import Node
from sweep.scheduler import Scheduler, search_ranks, trial_rank


@dataclass(frozen=True, kw_only=True)
class _Trial(Node):
    """One run of a node that is searched; its settings are not known yet."""

    node_id: str
    number: int

    @property
    def run_id(self) -> str:
        """Id of the node and number of the trial."""
        return f"{self.node_id}/{self.number}"


def simulate_searches(
    nodes: Mapping[str, Node],
    left: Mapping[str, int],
    machines: Sequence[Machine],
    *,
    parallel: int,
    max_concurrent: int = 0,
) -> float:
    """Seconds that the graph takes.

    `left` is how many runs each node still needs, 0 for one that is done; `parallel` of them run at a time, and the
    children of a node wait for all. Raises UnplaceableError for a run that fits nowhere.
    """
    return _Simulation(nodes, left, Scheduler({}, (), machines, max_concurrent=max_concurrent), parallel).seconds()


class _Simulation:
    """How many runs of each node have begun and ended."""

    def __init__(self, nodes: Mapping[str, Node], left: Mapping[str, int], scheduler: Scheduler, parallel: int) -> None:
        self.nodes = nodes
        self.left = left
        self.scheduler = scheduler
        self.parallel = parallel
        self.ranks = search_ranks(nodes, left, parallel)
        self.begun = dict.fromkeys(nodes, 0)
        self.ended = dict.fromkeys(nodes, 0)
        self.trials: dict[str, _Trial] = {}
        self.children: defaultdict[str, list[str]] = defaultdict(list)

    def seconds(self) -> float:
        """Run it on paper."""
        for node_id, node in self.nodes.items():
            self.scheduler.capacity.check(node.share, node.name)
            for parent in node.parents:
                self.children[parent].append(node_id)
        for node_id, node in self.nodes.items():
            if not node.parents:
                self._open(node_id)
        running: list[tuple[float, str]] = []
        now = 0.0
        while True:
            while run_id := self.scheduler.start(now):
                heapq.heappush(running, (now + self.trials[run_id].cost, run_id))
            if not running:
                return now
            now, run_id = heapq.heappop(running)
            self._end(run_id)

    def _open(self, node_id: str) -> None:
        for _ in range(self.parallel):
            self._begin(node_id)
        if not self.left[node_id]:
            self._close(node_id)

    def _begin(self, node_id: str) -> None:
        number, node = self.begun[node_id], self.nodes[node_id]
        if number < self.left[node_id]:
            planned = {each.name: getattr(node, each.name) for each in fields(Node)}
            trial = _Trial(**planned, node_id=node_id, number=number)
            self.trials[trial.run_id] = trial
            self.begun[node_id] += 1
            self.scheduler.add(trial, trial_rank(self.ranks[node_id], node.cost, number, self.parallel))

    def _end(self, run_id: str) -> None:
        self.scheduler.finish(run_id)
        node_id = self.trials[run_id].node_id
        self.ended[node_id] += 1
        if self.ended[node_id] == self.left[node_id]:
            self._close(node_id)
        else:
            self._begin(node_id)

    def _close(self, node_id: str) -> None:
        for child in self.children[node_id]:
            self._open(child)

"""Simulation: the wall clock of a plan on given machines, by the very graph that will run it."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sweep.graph.capacity import Capacity, Machine
from sweep.graph.graph import Graph
from sweep.graph.node import NotSearched, Run
from sweep.graph.ranks import ranks
from trainables.ledger.plan import Node, Plan
from trainables.ledger.states import State
from trainables.ledger.studies import Trial


class Watch(Protocol):
    """Who follows a simulation, event by event."""

    def began(self, graph: Graph) -> object:
        """Nothing has started yet."""

    def started(self, graph: Graph, run_id: str, seconds: float) -> object:
        """A run has started, which takes so long."""

    def ended(self, graph: Graph, run_id: str) -> object:
        """A run has ended, with all that follows from it."""


@dataclass(frozen=True, kw_only=True)
class Timetable:
    """When each run starts and ends, in seconds from the start of the sweep; later trials as `<node>/<number>`."""

    starts: Mapping[str, float]
    ends: Mapping[str, float]

    @property
    def makespan(self) -> float:
        """Seconds from the first start to the last end."""
        return max(self.ends.values(), default=0.0)


def simulate(
    plan: Plan,
    machines: Sequence[Machine],
    *,
    left: Mapping[str, int] | None = None,
    parallel: int = 1,
    seconds: Mapping[str, float] | None = None,
    max_concurrent: int = 0,
    held: Collection[str] = (),
    lacks: Collection[str] = (),
    watch: Watch | None = None,
) -> Timetable:
    """Run the graph on paper.

    `left` is how many runs each node still needs, 0 for one that is done; not given, all of its trials. `parallel` of
    them run at a time, and the children of a node wait for all. `seconds` are the true durations by node where they
    differ from the costs planned with. `held` are nodes of which the run itself is finished, `lacks` those of which the
    encoder was removed: it is computed again where a child needs it. Raises UnplaceableError for a run that fits
    nowhere.
    """
    needed = {node_id: node.trials for node_id, node in plan.nodes.items()} if left is None else left
    graph = Graph(
        plan,
        lambda node, parent: _OnPaper(node, needed[node.run_id], parallel, is_held=node.run_id in held),
        done=[node_id for node_id, number in needed.items() if not number],
        left=needed,
        parallel=parallel,
        max_concurrent=max_concurrent,
        lacks=lacks.__contains__,
        on_end=watch.ended if watch else lambda graph, run_id: None,
    )
    graph.resize(machines)
    if watch:
        watch.began(graph)
    starts: dict[str, float] = {}
    ends: dict[str, float] = {}
    running: list[tuple[float, int, str]] = []
    now = 0.0
    while True:
        while run_id := graph.start(now):
            node = plan.nodes[graph.node_of(run_id)]
            starts[run_id] = now
            ends[run_id] = now + (seconds or {}).get(node.run_id, node.cost)
            heapq.heappush(running, (ends[run_id], len(starts), run_id))
            if watch:
                watch.started(graph, run_id, ends[run_id] - now)
        if not running:
            return Timetable(starts=starts, ends=ends)
        now, _, ended = heapq.heappop(running)
        graph.finish(ended)


def lower_bound(plan: Plan, machines: Sequence[Machine]) -> float:
    """Seconds that no schedule can beat: the critical path, or all work spread evenly over GPUs (or over cores)."""
    capacity = Capacity(machines)
    gpus = sum(machine.gpus for machine in machines)
    cpus = sum(machine.cpus for machine in machines)
    once = dict.fromkeys(plan.nodes, 1)
    critical_path = max(ranks(plan.nodes, (), once, 1).values(), default=0.0)
    shares = {node_id: capacity.fitted(node.share) for node_id, node in plan.nodes.items()}
    gpu_work = sum(node.cost * shares[node_id].gpus for node_id, node in plan.nodes.items())
    cpu_work = sum(node.cost * shares[node_id].cpus for node_id, node in plan.nodes.items())
    return max(critical_path, gpu_work / gpus if gpus else 0.0, cpu_work / cpus)


class _OnPaper(NotSearched):
    """So many runs of a node, which all end well; their settings are not known. The first is the best of them.

    Of a node that `is_held` the first is there, and those that are left are others.
    """

    def __init__(self, node: Node, left: int, parallel: int, *, is_held: bool) -> None:
        super().__init__(node)
        self.winner = "" if left else node.run_id
        self._left = left
        self._parallel = parallel
        self._first = int(is_held and left > 0)
        self._begun = 0
        self._ended = [0] if self._first else []

    def ask(self) -> Run | None:
        if self._begun == self._left or self._begun - self._num_ended == self._parallel:
            return None
        number, self._begun = self._first + self._begun, self._begun + 1
        return Run(run_id=self._id(number), name=self._node.name, spec=self._node.spec, number=number)

    def finish(self, run_id: str) -> State:
        self._ended.append(int(run_id.partition("/")[2] or 0))
        if self._num_ended == self._left:
            self.winner = self._node.run_id
        return State.DONE

    def fail(self, run_id: str) -> State:
        raise AssertionError("on paper no run fails")

    @property
    def trials(self) -> tuple[Trial, ...]:
        return tuple(
            Trial(number=number, params={}, run_id=self._id(number), state=State.DONE, value=float(-number))
            for number in self._ended
        )

    @property
    def _num_ended(self) -> int:
        return len(self._ended) - self._first

    def _id(self, number: int) -> str:
        return f"{self._node.run_id}/{number}" if number else self._node.run_id

"""The graph scheduler: which run starts next, and where. Pure state, no Ray, no clock of its own.

Ready runs start in the order of their rank (own cost plus the longest way to the end of the graph). When the first of
them finds no room, a place is reserved for it, and only runs that cannot delay it may go before it.
"""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from sweep.capacity import Capacity, Machine, Seat
from sweep.nodes import Node, Share

NO_RECORD = "it ended without a record"
"""Why a run failed of which the store has neither a record nor a reason."""
_Entry = tuple[float, int, str]
"""A ready run in its queue: minus its rank, its place in the plan, its id."""


class RunState(StrEnum):
    """Where a run of the graph stands."""

    WAITING = "waiting"
    """A parent is not done."""
    READY = "ready"
    """All parents are done; no room yet."""
    LIVE = "live"
    """Started, not ended."""
    DONE = "done"
    """Its record exists."""
    FAILED = "failed"
    """It ended without a record."""
    BLOCKED = "blocked"
    """An ancestor failed."""
    DROPPED = "dropped"
    """A race has dropped it, or all that starts from it."""


@dataclass(frozen=True, kw_only=True)
class Live:
    """A run that was started, where it sits, and when it is expected to end."""

    seat: Seat
    started: float
    ends: float


class Scheduler:
    """States of all runs of a graph, and the decision what starts next.

    A decision costs time in the number of size classes and GPUs, not in the number of runs. Times are seconds of any
    one clock. Raises ValueError for a graph with unknown parents, UnplaceableError for a run that fits nowhere.
    """

    def __init__(
        self,
        nodes: Mapping[str, Node],
        done: Collection[str],
        machines: Sequence[Machine],
        *,
        max_concurrent: int = 0,
    ) -> None:
        self.nodes = nodes
        self.capacity = Capacity(machines)
        self.live: dict[str, Live] = {}
        self.blocked_by: dict[str, str] = {}
        self.ranks = ranks(nodes, done)
        self._max_concurrent = max_concurrent or math.inf
        self._states: dict[str, RunState] = {}
        self._missing: dict[str, int] = {}
        self._children: defaultdict[str, list[str]] = defaultdict(list)
        self._ready: defaultdict[Share, list[_Entry]] = defaultdict(list)
        self._order = {run_id: index for index, run_id in enumerate(nodes)}
        self._unchanged = False
        checked: set[Share] = set()
        for run_id, node in nodes.items():
            if run_id in done:
                self._states[run_id] = RunState.DONE
                continue
            if node.share not in checked:
                self.capacity.check(node.share, node.name)
                checked.add(node.share)
            missing = [parent for parent in node.parents if parent not in done]
            for parent in missing:
                self._children[parent].append(run_id)
            self._missing[run_id] = len(missing)
            self._states[run_id] = RunState.WAITING
            if not missing:
                self._make_ready(run_id)

    def add(self, node: Node, rank: float) -> None:
        """Take in a run that was not known before and can start at once. `nodes` must be a dictionary of our own."""
        assert isinstance(self.nodes, dict)
        run_id = node.run_id
        self.nodes[run_id] = node
        self.ranks[run_id] = rank
        self._order[run_id] = len(self._order)
        self._missing[run_id] = 0
        self._make_ready(run_id)

    def start(self, now: float) -> str | None:
        """Admit the next run and return its id; None when nothing can start before something changes."""
        if self._unchanged or len(self.live) >= self._max_concurrent:
            return None
        queues = sorted((queue[0], share) for share, queue in self._ready.items() if queue)
        if not queues:
            return None
        (_, _, head), share = queues[0]
        if seat := self.capacity.seat(share):
            return self._admit(head, seat, now)
        if run_id := self._beside_head(share, queues[1:], now):
            return run_id
        self._unchanged = True
        return None

    def finish(self, run_id: str) -> None:
        """A live run is done: its room is free and its children may be ready."""
        self._leave(run_id, RunState.DONE)
        for child in self._children[run_id]:
            self._missing[child] -= 1
            if not self._missing[child] and self._states[child] is RunState.WAITING:
                self._make_ready(child)

    def fail(self, run_id: str) -> None:
        """A live run ended without a record: its descendants are blocked, nothing else."""
        self._leave(run_id, RunState.FAILED)
        pending = list(self._children[run_id])
        while pending:
            child = pending.pop()
            if self._states[child] is not RunState.BLOCKED:
                self._states[child] = RunState.BLOCKED
                self.blocked_by[child] = run_id
                pending.extend(self._children[child])

    def withdraw(self, run_id: str) -> None:
        """Forget a run that waits for room."""
        queue = self._ready[self.nodes[run_id].share]
        queue.remove((-self.ranks[run_id], self._order[run_id], run_id))
        heapq.heapify(queue)
        self._states[run_id] = RunState.DROPPED
        self._unchanged = False

    def resize(self, machines: Sequence[Machine]) -> None:
        """Follow the cluster when machines join or leave. Runs on a lost machine stay live until they are ended."""
        if set(machines) != set(self.capacity.machines):
            self.capacity = Capacity(machines)
            names = {machine.name for machine in machines}
            for run in self.live.values():
                if run.seat.machine in names:
                    self.capacity.take(run.seat)
            self._unchanged = False

    def state(self, run_id: str) -> RunState:
        """Where a run stands."""
        return self._states[run_id]

    run_state = state

    def node_of(self, run_id: str) -> str:
        """Id of the node of the plan that a run belongs to: its own."""
        return run_id

    @property
    def num_ready(self) -> int:
        """Runs whose parents are all done and that have not started."""
        return sum(len(queue) for queue in self._ready.values())

    @property
    def exhausted(self) -> bool:
        """Whether nothing is live and nothing can become live."""
        return not self.live and not self.num_ready

    def _beside_head(self, head: Share, others: list[tuple[_Entry, Share]], now: float) -> str | None:
        """Admit the first run of another size that cannot delay the head, for which there is no room yet."""
        fitting = [(entry, share) for entry, share in others if self.capacity.seat(share)]
        if not fitting:
            return None
        reservation = self.capacity.reserve(head, [(max(run.ends, now), run.seat) for run in self.live.values()])
        if not reservation:
            return None
        for (_, _, run_id), share in fitting:
            ends_in_time = now + self.nodes[run_id].cost <= reservation.time
            seat = self.capacity.seat(share) if ends_in_time else self.capacity.seat_beside(reservation, share)
            if seat:
                return self._admit(run_id, seat, now)
        return None

    def _make_ready(self, run_id: str) -> None:
        self._states[run_id] = RunState.READY
        entry = (-self.ranks[run_id], self._order[run_id], run_id)
        heapq.heappush(self._ready[self.nodes[run_id].share], entry)
        self._unchanged = False

    def _admit(self, run_id: str, seat: Seat, now: float) -> str:
        heapq.heappop(self._ready[self.nodes[run_id].share])
        self.capacity.take(seat)
        self.live[run_id] = Live(seat=seat, started=now, ends=now + self.nodes[run_id].cost)
        self._states[run_id] = RunState.LIVE
        return run_id

    def _leave(self, run_id: str, state: RunState) -> None:
        self.capacity.give_back(self.live.pop(run_id).seat)
        self._states[run_id] = state
        self._unchanged = False


def ranks(nodes: Mapping[str, Node], done: Collection[str]) -> dict[str, float]:
    """Seconds from the start of each unfinished run to the end of the longest chain that it begins.

    `nodes` has parents before children; raises ValueError for a parent that is neither there nor done.
    """
    longest: defaultdict[str, float] = defaultdict(float)
    found: dict[str, float] = {}
    seen: set[str] = set()
    for run_id, node in nodes.items():
        for parent in node.parents:
            if parent not in seen and parent not in done:
                raise ValueError(f"{node.name} starts from run {parent}, which comes neither before it nor is done")
        seen.add(run_id)
    for run_id, node in reversed(list(nodes.items())):
        if run_id in done:
            continue
        found[run_id] = node.cost + longest[run_id]
        for parent in node.parents:
            longest[parent] = max(longest[parent], found[run_id])
    return found


def search_ranks(nodes: Mapping[str, Node], trials: Mapping[str, int], parallel: int) -> dict[str, float]:
    """Ranks of nodes of which some have so many trials, `parallel` of them at a time."""
    return ranks(
        {id_: replace(node, cost=node.cost * max(trials.get(id_, 1) / parallel, 1.0)) for id_, node in nodes.items()},
        (),
    )


def trial_rank(rank: float, cost: float, number: int, parallel: int) -> float:
    """Seconds from the start of a trial to the end of the graph; the later trials of a node have less before them, so
    that nodes take turns.
    """
    return rank - number * cost / parallel

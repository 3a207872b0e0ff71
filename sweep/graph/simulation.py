"""Simulation: a plan on given machines and a virtual clock, by the very graph that will run it, whatever goes wrong."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from sweep.graph.capacity import Capacity, Machine, Seat
from sweep.graph.faults import NODE_LOSSES, NONE, WORKER_LOSSES, Change, Faults
from sweep.graph.graph import Graph
from sweep.graph.paper import OnPaper
from sweep.graph.timetable import Attempt, End, Timetable
from trainables.ledger.plan import Plan
from trainables.ledger.states import State


class Watch(Protocol):
    """Who follows a simulation, event by event."""

    def began(self, graph: Graph) -> object:
        """Nothing has started yet."""

    def started(self, graph: Graph, run_id: str, seconds: float) -> object:
        """A run has started, which takes so long. Told once of each."""

    def ended(self, graph: Graph, run_id: str) -> object:
        """A run has ended, with all that follows from it."""


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
    faults: Faults = NONE,
    changes: Sequence[Change] = (),
) -> Timetable:
    """Run the graph on paper.

    `left` is how many runs each node still needs, 0 for one that is done; not given, all of its trials. `parallel` of
    them run at a time, and the children of a node wait for all. `seconds` are the true durations by run or by node
    where they differ from the costs planned with. `held` are nodes of which the run itself is finished, `lacks` those
    of which the encoder was removed: it is computed again where a child needs it. `changes` are nodes that join and
    leave beside those that `faults` draw. Raises UnplaceableError for a run that fits nowhere at the start.
    """
    needed = {node_id: node.trials for node_id, node in plan.nodes.items()} if left is None else left
    graph = Graph(
        plan,
        lambda node, parent: OnPaper(node, needed[node.run_id], parallel, is_held=node.run_id in held),
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
    found = _Simulation(graph, machines, seconds or {}, faults, watch)
    for change in changes:
        found.schedule(change)
    return found.run()


@dataclass(kw_only=True, slots=True)
class _Working:
    """An attempt under way: it computes from `begins` until `computes_until`, and then ends so.

    `whole` are the seconds of all of the run.
    """

    seat: Seat
    whole: float
    start: float
    begins: float
    computes_until: float
    how: End
    serial: int


class _Simulation:
    """The clock, what happens next, and what has happened. A lost run is treated as `GraphSearcher` treats it."""

    def __init__(
        self,
        graph: Graph,
        machines: Sequence[Machine],
        seconds: Mapping[str, float],
        faults: Faults,
        watch: Watch | None,
    ) -> None:
        self._graph = graph
        self._machines = {machine.name: machine for machine in machines}
        self._seconds = seconds
        self._faults = faults
        self._watch = watch
        self._now = 0.0
        self._events: list[tuple[float, bool, int, str | Change]] = []
        self._serial = 0
        self._working: dict[str, _Working] = {}
        self._kept: dict[str, float] = {}
        self._attempt: Counter[str] = Counter()
        self._losses: Counter[tuple[str, bool]] = Counter()
        self._starts: dict[str, float] = {}
        self._ends: dict[str, float] = {}
        self._attempts: list[Attempt] = []
        self._clusters = [(0.0, tuple(machines))]
        for machine in machines:
            self._foresee_loss(machine)

    def schedule(self, change: Change) -> None:
        """Let nodes join and leave at a time; runs that end at that very time have ended."""
        self._push(change.time, change)

    def run(self) -> Timetable:
        """Until nothing is live and nothing can start any more."""
        graph = self._graph
        while True:
            while run_id := graph.start(self._now):
                self._begin(run_id)
            if graph.exhausted or self._is_stuck():
                break
            self._now, _, serial, event = heapq.heappop(self._events)
            if isinstance(event, Change):
                self._change(event)
            elif event in self._working and self._working[event].serial == serial:
                self._end(event, self._working[event].how)
        return Timetable(
            starts=self._starts,
            ends=self._ends,
            attempts=tuple(self._attempts),
            clusters=tuple(self._clusters),
            states={node_id: graph.state(node_id) for node_id in graph.plan.nodes},
            blocked_by=dict(graph.blocked_by),
        )

    def _begin(self, run_id: str) -> None:
        """Begin an attempt at a run in its seat."""
        faults, attempt = self._faults, self._attempt[run_id]
        whole, kept = self._whole(run_id), self._kept.get(run_id, 0.0)
        node_id = self._graph.node_of(run_id)
        begins = self._now + (faults.restart_seconds if attempt else 0.0)
        ways = {
            End.DONE: whole - kept,
            End.FAILED: faults.fails_after(node_id, run_id, whole) - kept,
            End.LOST: faults.loses_worker_after(run_id, attempt),
            End.HUNG: faults.hangs_after(run_id, attempt),
        }
        how = min(ways, key=ways.__getitem__)
        until = begins + max(ways[how], 0.0)
        serial = self._push(until + faults.silence * (how is End.HUNG), run_id)
        self._working[run_id] = _Working(
            seat=self._graph.live[run_id].seat, whole=whole, start=self._now, begins=begins, computes_until=until,
            how=how, serial=serial,
        )  # fmt: skip
        if run_id not in self._starts:
            self._starts[run_id] = self._now
            if self._watch:
                self._watch.started(self._graph, run_id, whole)

    def _end(self, run_id: str, how: End) -> None:
        """An attempt has ended; the run too, or it is tried again in its room, or waits for another."""
        kept = self._note(run_id, how)
        if how is End.DONE:
            self._leave(run_id, self._graph.finish)
        elif how is End.FAILED or not self._may_be_lost(run_id, how):
            self._leave(run_id, self._graph.fail)
        else:
            self._attempt[run_id] += 1
            self._kept[run_id] = kept
            if not self._graph.move(run_id):
                self._begin(run_id)

    def _may_be_lost(self, run_id: str, how: End) -> bool:
        """Count one more worker, or node, that a run has lost; whether it may have another."""
        is_node = how is End.NODE_LOST and self._losses[run_id, True] < NODE_LOSSES
        self._losses[run_id, is_node] += 1
        return is_node or self._losses[run_id, False] <= WORKER_LOSSES

    def _note(self, run_id: str, how: End) -> float:
        """Write down how an attempt has gone; seconds of the run's work that are kept since its first."""
        work, before = self._working.pop(run_id), self._kept.get(run_id, 0.0)
        done = before + max(min(self._now, work.computes_until) - work.begins, 0.0)
        kept = work.whole if how is End.DONE else max(self._faults.kept(done), before)
        if how is End.FAILED:
            kept = 0.0
        self._attempts.append(
            Attempt(
                run_id=run_id, node=self._graph.node_of(run_id), seat=work.seat, start=work.start, end=self._now,
                how=how, kept=max(kept - before, 0.0),
            )
        )  # fmt: skip
        return kept

    def _leave(self, run_id: str, tell: Callable[[str], None]) -> None:
        """Tell the graph that a run has ended. One whose encoder is needed again begins anew."""
        self._ends[run_id] = self._now
        self._kept.pop(run_id, None)
        del self._attempt[run_id], self._losses[run_id, True], self._losses[run_id, False]
        tell(run_id)

    def _whole(self, run_id: str) -> float:
        """True seconds of a run."""
        node_id = self._graph.node_of(run_id)
        told = self._seconds.get(run_id, self._seconds.get(node_id))
        return self._graph.plan.nodes[node_id].cost * self._faults.factor(run_id) if told is None else told

    def _change(self, change: Change) -> None:
        """Nodes join and leave; the runs of those that leave have lost theirs."""
        gone = {name: self._machines.pop(name) for name in change.leaves if name in self._machines}
        for machine in change.joins:
            self._machines[machine.name] = machine
            self._foresee_loss(machine)
        machines = tuple(self._machines.values())
        self._clusters.append((self._now, machines))
        self._graph.resize(machines)
        for run_id in [run_id for run_id, work in self._working.items() if work.seat.machine in gone]:
            self._end(run_id, End.NODE_LOST)

    def _foresee_loss(self, machine: Machine) -> None:
        """Draw when a node leaves, and what takes its place."""
        faults = self._faults
        after = faults.loses_node_after(machine.name)
        if math.isinf(after):
            return
        self._push(self._now + after, Change(time=self._now + after, leaves=(machine.name,)))
        if math.isfinite(faults.node_back):
            name, _, number = machine.name.partition(" again ")
            other = replace(machine, name=f"{name} again {int(number or 0) + 1}")
            at = self._now + after + faults.node_back
            self._push(at, Change(time=at, joins=(other,)))

    def _is_stuck(self) -> bool:
        """Whether nothing is live, and no node that is to join holds any of the runs that wait."""
        graph = self._graph
        if graph.live:
            return False
        waiting = {node.share for node_id, node in graph.plan.nodes.items() if graph.state(node_id) is State.READY}
        shares = [graph.fitted(share) for share in waiting]
        joining = [machine for *_, event in self._events if isinstance(event, Change) for machine in event.joins]
        return not any(Capacity([machine]).seat(share) for machine in joining for share in shares)

    def _push(self, time: float, event: str | Change) -> int:
        self._serial += 1
        heapq.heappush(self._events, (time, isinstance(event, Change), self._serial, event))
        return self._serial

"""The queue: runs that may start, and the room they start in. Pure state, no Ray, no clock of its own.

Runs start in the order of their rank. When the first of them finds no room, a place is reserved for it, and only runs
that cannot delay it may go before it. A run that no machine holds even when it is empty (its node has left) waits for
another machine and holds up nobody.
"""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sweep.graph.capacity import Capacity, Machine, Seat
from trainables.ledger.plan import Share

_Entry = tuple[float, tuple[int, int], str]
"""A waiting run in its queue: minus its rank, its place among equals, its id."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """A run that waits for room: what it asks for, expected seconds, and where it stands in the queue."""

    share: Share
    cost: float
    rank: float
    place: tuple[int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Live:
    """A run that was started, where it sits, when it is expected to end, and as what it waited."""

    seat: Seat
    started: float
    ends: float
    waiting: Waiting


class Queue:
    """What starts next, and where; a decision costs time in the number of sizes and GPUs, not of runs.

    Times are seconds of any one clock. Without machines nothing starts. Shares are fitted to the machines that are
    there first: a cluster that had GPUs once is not taken for one without when it loses them.
    """

    def __init__(self, max_concurrent: int = 0) -> None:
        self.capacity = Capacity(())
        self.live: dict[str, Live] = {}
        self._first = self.capacity
        self._held: dict[Share, bool] = {}
        self._max_concurrent = max_concurrent or math.inf
        self._waiting: dict[str, Waiting] = {}
        self._heaps: defaultdict[Share, list[_Entry]] = defaultdict(list)
        self._unchanged = False

    def add(self, run_id: str, waiting: Waiting) -> None:
        """Take in a run that can start at once."""
        self._waiting[run_id] = waiting
        heapq.heappush(self._heaps[self.fitted(waiting.share)], (-waiting.rank, waiting.place, run_id))
        self._unchanged = False

    def fitted(self, share: Share) -> Share:
        """A share as it is taken on these machines."""
        return self._first.fitted(share)

    def start(self, now: float) -> str | None:
        """Admit the next run and return its id; None when nothing can start before something changes."""
        if self._unchanged or len(self.live) >= self._max_concurrent:
            return None
        heads = sorted((heap[0], share) for share, heap in self._heaps.items() if heap and self._is_held(share))
        if not heads:
            return None
        (_, _, head), share = heads[0]
        if seat := self.capacity.seat(share):
            return self._admit(head, share, seat, now)
        if run_id := self._beside_head(share, heads[1:], now):
            return run_id
        self._unchanged = True
        return None

    def leave(self, run_id: str) -> None:
        """A live run has ended: its room is free."""
        self.capacity.give_back(self.live.pop(run_id).seat)
        self._unchanged = False

    def put_back(self, run_id: str, share: Share) -> None:
        """A live run has to start again, with this share: its room is free, and it waits where it waited before."""
        waiting = self.live[run_id].waiting
        self.leave(run_id)
        self.add(run_id, replace(waiting, share=share))

    def withdraw(self, run_id: str) -> None:
        """Forget a run that waits for room."""
        waiting = self._waiting.pop(run_id)
        heap = self._heaps[self.fitted(waiting.share)]
        heap.remove((-waiting.rank, waiting.place, run_id))
        heapq.heapify(heap)
        self._unchanged = False

    def resize(self, machines: Sequence[Machine]) -> None:
        """Follow the cluster when machines join or leave. Runs on a lost machine stay live until they are ended."""
        if set(machines) == set(self.capacity.machines):
            return
        self.capacity = Capacity(machines)
        self._held.clear()
        names = {machine.name for machine in machines}
        for run in self.live.values():
            if run.seat.machine in names:
                self.capacity.take(run.seat)
        if not self._first.machines:
            self._first = self.capacity
            waiting, self._waiting = self._waiting, {}
            self._heaps.clear()
            for run_id, each in waiting.items():
                self.add(run_id, each)
        self._unchanged = False

    @property
    def num_ready(self) -> int:
        """Runs that wait for room."""
        return len(self._waiting)

    @property
    def exhausted(self) -> bool:
        """Whether nothing is live and nothing waits."""
        return not self.live and not self._waiting

    def _is_held(self, share: Share) -> bool:
        """Whether some machine would hold a share if nothing else ran."""
        if share not in self._held:
            self._held[share] = Capacity(self.capacity.machines).seat(share) is not None
        return self._held[share]

    def _beside_head(self, head: Share, others: list[tuple[_Entry, Share]], now: float) -> str | None:
        """Admit the first run of another size that cannot delay the head, for which there is no room yet."""
        fitting = [(entry, share) for entry, share in others if self.capacity.seat(share)]
        if not fitting:
            return None
        reservation = self.capacity.reserve(head, [(max(run.ends, now), run.seat) for run in self.live.values()])
        if not reservation:
            return None
        for (_, _, run_id), share in fitting:
            ends_in_time = now + self._waiting[run_id].cost <= reservation.time
            seat = self.capacity.seat(share) if ends_in_time else self.capacity.seat_beside(reservation, share)
            if seat:
                return self._admit(run_id, share, seat, now)
        return None

    def _admit(self, run_id: str, share: Share, seat: Seat, now: float) -> str:
        """Start the first of the runs that ask for a share."""
        waiting = self._waiting.pop(run_id)
        heapq.heappop(self._heaps[share])
        self.capacity.take(seat)
        self.live[run_id] = Live(seat=seat, started=now, ends=now + waiting.cost, waiting=waiting)
        return run_id

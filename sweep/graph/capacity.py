"""Capacity: the virtual table of machines on which runs are admitted, and where a run fits best."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sweep.graph.sizes import most_beside, part_of
from trainables.ledger.plan import EPSILON, Share
from trainables.ledger.usage import size_of


class UnplaceableError(ValueError):
    """A run asks for more than any machine of the cluster has."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A node of the cluster as Ray reports it.

    Attributes:
        name: by which its seats are known.
        cpus: cores.
        gpus: how many.
        gpu_type: of all its GPUs, as Ray calls it, for example `H100`; empty where that is not known.
        gpu_bytes: memory of one GPU; 0 where that is not known.
        memory_bytes: of the node; 0 where that is not known.
    """

    name: str
    cpus: int
    gpus: int = 0
    gpu_type: str = ""
    gpu_bytes: int = 0
    memory_bytes: int = 0

    def taken_by(self, share: Share) -> Share | None:
        """What a run takes here, in numbers; None where it could not run even if nothing else did.

        Of a GPU it takes the part that holds its bytes, where both are known: the smallest of few (`sizes.py`), and
        none so small that the cores could not serve as many runs; the whole where its batches have to be cut into
        smaller passes. A run that is expected to need more than the whole memory of the node takes all of it: that may
        be wrong, and it is alone there.
        """
        if share.cpus > self.cpus or (share.gpus and not self.gpus):
            return None
        memory = min(share.memory_bytes, self.memory_bytes)
        if not share.gpus or not share.gpu_bytes or not self.gpu_bytes:
            return replace(share, memory_bytes=memory) if share.gpus <= self.gpus else None
        parts = part_of(share.gpu_bytes, self.gpu_bytes, most_beside(self.cpus, share.cpus, self.gpus))
        if not parts and (share.least_gpu_bytes or share.gpu_bytes) > self.gpu_bytes:
            return None
        return replace(share, gpus=1 / (parts or 1), memory_bytes=memory)

    def is_tight_for(self, share: Share) -> bool:
        """Whether a run has to cut its batches here."""
        return 0 < self.gpu_bytes < share.gpu_bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Seat:
    """Where a run sits: a machine and, of its GPUs, which ones; `share` is what it takes there."""

    machine: str
    gpus: tuple[int, ...]
    share: Share


@dataclass(frozen=True, kw_only=True, slots=True)
class Reservation:
    """The earliest seat foreseen for a run that has to wait, and what is left beside it at that time."""

    time: float
    seat: Seat
    spare_cpus: float
    spare_memory: float = math.inf


@dataclass(kw_only=True)
class _Room:
    """What is free on one machine."""

    cpus: float
    gpus: list[float] = field(default_factory=list)
    memory: float = math.inf


class Capacity:
    """Free GPUs, cores and memory of every machine. Seats are best fits: the fullest place that still has room."""

    def __init__(self, machines: Sequence[Machine]) -> None:
        self.machines = tuple(machines)
        self._named = {m.name: m for m in machines}
        self._rooms = {
            m.name: _Room(cpus=m.cpus, gpus=[1.0] * m.gpus, memory=m.memory_bytes or math.inf) for m in machines
        }

    def seat(self, share: Share) -> Seat | None:
        """The best fit for a share among what is free now, or None; takes nothing."""
        return self._best(share, self._rooms)

    def seat_beside(self, reservation: Reservation, share: Share) -> Seat | None:
        """Like `seat`, but out of the way of a reservation for as long as it may last."""
        reserved = reservation.seat
        rooms = dict(self._rooms)
        room = rooms[reserved.machine]
        rooms[reserved.machine] = _Room(
            cpus=min(room.cpus, reservation.spare_cpus),
            gpus=[0.0 if index in reserved.gpus else free for index, free in enumerate(room.gpus)],
            memory=min(room.memory, reservation.spare_memory),
        )
        return self._best(share, rooms)

    def take(self, seat: Seat) -> None:
        """Occupy a seat."""
        self._move(seat, -1.0)

    def give_back(self, seat: Seat) -> None:
        """Free a seat; the seat of a machine that has left the cluster is forgotten."""
        if seat.machine in self._rooms:
            self._move(seat, 1.0)

    def reserve(self, share: Share, ends: Iterable[tuple[float, Seat]]) -> Reservation | None:
        """The first seat that will be free for a share when the occupied seats are freed at the given times."""
        future = Capacity(self.machines)
        future._rooms = {
            name: _Room(cpus=room.cpus, gpus=list(room.gpus), memory=room.memory) for name, room in self._rooms.items()
        }
        for time, seat in sorted(ends, key=lambda end: end[0]):
            if seat.machine not in future._rooms:
                continue
            future.give_back(seat)
            room = future._rooms[seat.machine]
            found = future._best(share, {seat.machine: room})
            if found:
                return Reservation(
                    time=time,
                    seat=found,
                    spare_cpus=room.cpus - share.cpus,
                    spare_memory=room.memory - found.share.memory_bytes,
                )
        return None

    def fitted(self, share: Share) -> Share:
        """The share as it is asked for here: without a GPU on any machine a run takes its cores alone.

        What it would have needed of a GPU it then needs of the node.
        """
        if not share.gpus or any(machine.gpus for machine in self.machines):
            return share
        return Share(cpus=share.cpus, memory_bytes=share.memory_bytes + share.gpu_bytes)

    def larger(self, seat: Seat, asked: Share) -> Share | None:
        """What to ask for after a part of a GPU was too small for a run: twice as much, a whole one at most.

        None where the run had all of the largest GPU there is. `asked` is what led to the seat.
        """
        parts = round(1 / seat.share.gpus) if 0 < seat.share.gpus < 1 else 1
        machine = self._named.get(seat.machine)
        if asked.gpu_bytes and machine and machine.gpu_bytes:
            most = max(each.gpu_bytes for each in self.machines)
            had = machine.gpu_bytes // parts
            return replace(asked, gpu_bytes=min(2 * had, most)) if had < most else None
        return replace(asked, gpus=1 / (parts // 2)) if parts > 1 else None

    def with_more_memory(self, seat: Seat, asked: Share) -> Share | None:
        """What to ask for after a node ran out of memory: twice as much of it, or all where nothing was asked for.

        None where that is not known, or where the run had all of the largest node there is.
        """
        machine = self._named.get(seat.machine)
        most = max((each.memory_bytes for each in self.machines), default=0)
        had = seat.share.memory_bytes
        if not machine or not machine.memory_bytes or had >= most:
            return None
        return replace(asked, memory_bytes=min(2 * had, most) if had else machine.memory_bytes)

    def check(self, share: Share, name: str) -> None:
        """Raise UnplaceableError unless some machine could hold the share when empty."""
        if Capacity(self.machines).seat(share) is not None:
            return
        largest = max(self.machines, key=lambda m: (m.gpus, m.cpus), default=Machine(name="none", cpus=0))
        roomy = max(self.machines, key=lambda m: m.gpu_bytes, default=largest)
        least = share.least_gpu_bytes or share.gpu_bytes
        if share.gpus and 0 < roomy.gpu_bytes < least:
            raise UnplaceableError(
                f"{name} needs {size_of(least)} of a GPU's memory, one row at a time; the largest GPU of the cluster "
                f"has {size_of(roomy.gpu_bytes)}{roomy.gpu_type and f' ({roomy.gpu_type})'}. Give a smaller encoder or "
                "max_length; `--set cluster.gpus.PHASE=1` tries it all the same"
            )
        raise UnplaceableError(
            f"{name} asks for {share.gpus:g} GPUs and {share.cpus} CPU cores on one node; "
            f"the largest node has {largest.gpus} GPUs and {largest.cpus} CPU cores"
        )

    def _best(self, share: Share, rooms: Mapping[str, _Room]) -> Seat | None:
        best: tuple[tuple[bool, float, float], Seat] | None = None
        for name, room in rooms.items():
            taken = self._named[name].taken_by(share)
            if taken is None or room.cpus < taken.cpus - EPSILON or room.memory < taken.memory_bytes:
                continue
            whole = [index for index, free in enumerate(room.gpus) if free > 1 - EPSILON]
            gpus: tuple[int, ...] = ()
            if taken.gpus == 0:
                left = float(len(room.gpus))  # cores beside GPUs are for runs that use the GPUs
            elif taken.gpus < 1:
                fitting = [(free, index) for index, free in enumerate(room.gpus) if free > taken.gpus - EPSILON]
                if not fitting:
                    continue
                free, index = min(fitting)
                gpus, left = (index,), free - taken.gpus
            else:
                if len(whole) < taken.gpus:
                    continue
                gpus, left = tuple(whole[: int(taken.gpus)]), len(whole) - taken.gpus
            key = (self._named[name].is_tight_for(share), left, room.cpus)
            if best is None or key < best[0]:
                best = (key, Seat(machine=name, gpus=gpus, share=taken))
        return best[1] if best else None

    def _move(self, seat: Seat, sign: float) -> None:
        room = self._rooms[seat.machine]
        room.cpus += sign * seat.share.cpus
        room.memory += sign * seat.share.memory_bytes
        for index in seat.gpus:
            room.gpus[index] += sign * min(seat.share.gpus, 1.0)
        lowest = min([room.cpus, room.memory, *room.gpus])
        assert lowest > -EPSILON, f"more taken than {seat.machine} has"

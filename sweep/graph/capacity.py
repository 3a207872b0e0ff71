"""Capacity: the virtual table of machines on which runs are admitted, and where a run fits best."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from trainables.ledger.plan import EPSILON, Share


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Seat:
    """Where a run sits: a machine and, of its GPUs, which ones."""

    machine: str
    gpus: tuple[int, ...]
    share: Share


@dataclass(frozen=True, kw_only=True, slots=True)
class Reservation:
    """The earliest seat foreseen for a run that has to wait, and the cores left beside it at that time."""

    time: float
    seat: Seat
    spare_cpus: float


@dataclass(kw_only=True)
class _Room:
    """What is free on one machine."""

    cpus: float
    gpus: list[float] = field(default_factory=list)


class Capacity:
    """Free GPUs and cores of every machine. Seats are best fits: the fullest place that still has room."""

    def __init__(self, machines: Sequence[Machine]) -> None:
        self.machines = tuple(machines)
        self._rooms = {m.name: _Room(cpus=m.cpus, gpus=[1.0] * m.gpus) for m in machines}

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
        future = Capacity(())
        future._rooms = {name: _Room(cpus=room.cpus, gpus=list(room.gpus)) for name, room in self._rooms.items()}
        for time, seat in sorted(ends, key=lambda end: end[0]):
            if seat.machine not in future._rooms:
                continue
            future.give_back(seat)
            room = future._rooms[seat.machine]
            found = self._best(share, {seat.machine: room})
            if found:
                return Reservation(time=time, seat=found, spare_cpus=room.cpus - share.cpus)
        return None

    def fitted(self, share: Share) -> Share:
        """The share as it is taken here: without a GPU on any machine a run takes its cores alone."""
        return share if not share.gpus or any(machine.gpus for machine in self.machines) else Share(cpus=share.cpus)

    def check(self, share: Share, name: str) -> None:
        """Raise UnplaceableError unless some machine could hold the share when empty."""
        empty = Capacity(self.machines)
        if empty.seat(share) is None:
            largest = max(self.machines, key=lambda m: (m.gpus, m.cpus), default=Machine(name="none", cpus=0))
            raise UnplaceableError(
                f"{name} asks for {share.gpus:g} GPUs and {share.cpus} CPU cores on one node; "
                f"the largest node has {largest.gpus} GPUs and {largest.cpus} CPU cores"
            )

    @staticmethod
    def _best(share: Share, rooms: dict[str, _Room]) -> Seat | None:
        best: tuple[tuple[float, float], Seat] | None = None
        for name, room in rooms.items():
            if room.cpus < share.cpus - EPSILON:
                continue
            whole = [index for index, free in enumerate(room.gpus) if free > 1 - EPSILON]
            gpus: tuple[int, ...] = ()
            if share.gpus == 0:
                left = float(len(room.gpus))  # cores beside GPUs are for runs that use the GPUs
            elif share.gpus < 1:
                fitting = [(free, index) for index, free in enumerate(room.gpus) if free > share.gpus - EPSILON]
                if not fitting:
                    continue
                free, index = min(fitting)
                gpus, left = (index,), free - share.gpus
            else:
                if len(whole) < share.gpus:
                    continue
                gpus, left = tuple(whole[: int(share.gpus)]), len(whole) - share.gpus
            key = (left, room.cpus)
            if best is None or key < best[0]:
                best = (key, Seat(machine=name, gpus=gpus, share=share))
        return best[1] if best else None

    def _move(self, seat: Seat, sign: float) -> None:
        room = self._rooms[seat.machine]
        room.cpus += sign * seat.share.cpus
        for index in seat.gpus:
            room.gpus[index] += sign * min(seat.share.gpus, 1.0)
        lowest = min([room.cpus, *room.gpus])
        assert lowest > -EPSILON, f"more taken than {seat.machine} has"

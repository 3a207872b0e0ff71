"""The timetable of a sweep on paper: every attempt at every run, and what has become of the nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sweep.graph.capacity import Machine, Seat
from trainables.ledger.states import State


class End(StrEnum):
    """How an attempt at a run ended."""

    DONE = "done"
    """With a record."""
    FAILED = "failed"
    """For good, by itself."""
    LOST = "lost"
    """Its worker was lost."""
    HUNG = "hung"
    """Its worker said nothing more and was ended."""
    NODE_LOST = "node lost"
    """Its node left the cluster."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """An attempt at a run, which sits in its seat from its start to its end; `kept` are seconds of work that last.

    `node` is the node of the plan that the run belongs to.
    """

    run_id: str
    node: str
    seat: Seat
    start: float
    end: float
    how: End
    kept: float

    @property
    def seconds(self) -> float:
        """For which it held its seat."""
        return self.end - self.start


@dataclass(frozen=True, kw_only=True)
class Timetable:
    """When runs start and end, in seconds from the start of the sweep; later trials are `<node>/<number>`.

    Attributes:
        starts: of the first attempt at each run.
        ends: of each run, with a record or without.
        attempts: in the order of their ends.
        clusters: the machines that are there, since when.
        states: node of the plan -> how it stands at the end; WAITING or READY where no machine that is left holds it.
        blocked_by: node -> the node that failed above it.
    """

    starts: Mapping[str, float]
    ends: Mapping[str, float]
    attempts: tuple[Attempt, ...] = ()
    clusters: tuple[tuple[float, tuple[Machine, ...]], ...] = ()
    states: Mapping[str, State] = field(default_factory=dict)
    blocked_by: Mapping[str, str] = field(default_factory=dict)

    @property
    def makespan(self) -> float:
        """Seconds from the first start to the last end, be it one that nothing came after for want of a machine."""
        return max((attempt.end for attempt in self.attempts), default=0.0)

    @property
    def losses(self) -> Counter[End]:
        """How many attempts ended without a result that need not have."""
        return Counter(each.how for each in self.attempts if each.how not in (End.DONE, End.FAILED))

    def periods(self) -> Iterator[tuple[float, float, tuple[Machine, ...]]]:
        """From when to when which machines were there, to the last end of a run."""
        ends = [since for since, _ in self.clusters[1:]]
        for (since, machines), until in zip(self.clusters, [*ends, self.makespan], strict=True):
            if min(until, self.makespan) > since:
                yield since, min(until, self.makespan), machines


def num_gpus(machines: tuple[Machine, ...]) -> int:
    """Of all of them."""
    return sum(machine.gpus for machine in machines)


def num_cpus(machines: tuple[Machine, ...]) -> int:
    """Of all of them."""
    return sum(machine.cpus for machine in machines)

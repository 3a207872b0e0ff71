"""Random sweeps on paper: graphs, clusters and faults for properties, and a table of what is taken that is kept apart
from the one that the graph admits by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from sweep.graph.capacity import Machine
from sweep.graph.faults import Change, Faults
from sweep.graph.timetable import Attempt, Timetable
from tests.made import graphs
from trainables.ledger.plan import Node, Plan, Share

SHARES = st.sampled_from([
    Share(), Share(cpus=2), Share(gpus=0.125), Share(gpus=0.25), Share(gpus=1 / 3, cpus=2), Share(gpus=0.5),
    Share(gpus=1.0), Share(gpus=1.0, cpus=3), Share(gpus=2.0, cpus=2),
])  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """A plan, where it runs and what goes wrong."""

    plan: Plan
    machines: tuple[Machine, ...]
    faults: Faults
    changes: tuple[Change, ...]
    seconds: dict[str, float]

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """What hypothesis shows of one that breaks a property: no more than what matters."""
        runs = [f"{node.name}: {node.share} {self.seconds[run_id]:g} s" for run_id, node in self.plan.nodes.items()]
        printer.text("\n".join([*runs, *map(str, (*self.machines, self.faults, *self.changes))]))


@st.composite
def nodes(draw: st.DrawFn, shares: st.SearchStrategy[Share] = SHARES, most: int = 14) -> list[Node]:
    """Trees of runs of any depth; whole seconds, so that many end at the same time."""
    found: list[Node] = []
    for index in range(draw(st.integers(1, most))):
        parent = draw(st.sampled_from([None, *found]))
        cost = draw(st.sampled_from([1, 2, 3, 5, 8, 13, 20]))
        found.append(graphs.node(f"n{index}", parent=parent, cost=cost, share=draw(shares)))
    return found


@st.composite
def clusters(draw: st.DrawFn, most: int = 3) -> tuple[Machine, ...]:
    """Nodes of which the first holds every run."""
    gpus = [draw(st.integers(2, 4)), *draw(st.lists(st.integers(0, 4), max_size=most - 1))]
    cpus = [draw(st.integers(3, 8)) for _ in gpus]
    return tuple(Machine(name=f"node {i + 1}", cpus=cpus[i], gpus=each) for i, each in enumerate(gpus))


@st.composite
def sweeps(draw: st.DrawFn, *, faulty: bool = True, shares: st.SearchStrategy[Share] = SHARES) -> Sweep:
    """Any sweep; one that is not `faulty` loses and gains nothing, but its estimates may be wrong."""
    found, machines = draw(nodes(shares)), draw(clusters())
    seconds = {node.run_id: node.cost * draw(st.sampled_from([0.25, 0.5, 1, 1, 2, 3])) for node in found}
    faults, changes = Faults(), ()
    if faulty:
        often = st.sampled_from([5.0, 20.0, 100.0, float("inf")])
        faults = Faults(
            seed=draw(st.integers(0, 1000)),
            failing=draw(st.sets(st.sampled_from([node.run_id for node in found]), max_size=2)),
            failure_rate=draw(st.sampled_from([0.0, 0.0, 0.2])),
            worker_seconds=draw(often),
            hang_seconds=draw(often),
            silence=7.0,
            node_seconds=draw(often),
            node_back=draw(st.sampled_from([4.0, float("inf")])),
            checkpoint_seconds=draw(st.sampled_from([1.0, 4.0, 60.0])),
            restart_seconds=draw(st.sampled_from([0.0, 2.0])),
        )
        changes = tuple(draw(_change(machines, number)) for number in range(draw(st.integers(0, 3))))
    return Sweep(plan=graphs.plan(found), machines=machines, faults=faults, changes=changes, seconds=seconds)


@st.composite
def _change(draw: st.DrawFn, machines: Sequence[Machine], number: int) -> Change:
    leaves = draw(st.sets(st.sampled_from([machine.name for machine in machines]), max_size=2))
    joins = [Machine(name=f"late {number}", cpus=draw(st.integers(1, 4)), gpus=draw(st.integers(0, 3)))]
    return Change(
        time=draw(st.sampled_from([0.0, 1.0, 2.5, 4.0, 9.0, 20.0])), leaves=tuple(sorted(leaves)),
        joins=joins * draw(st.booleans()),
    )  # fmt: skip


def fits(share: Share, machine: Machine) -> bool:
    """Whether an empty machine holds a run, worked out from its numbers alone."""
    return share.cpus <= machine.cpus and share.gpus <= machine.gpus


def check_table(table: Timetable) -> None:
    """Add up what the attempts hold at every moment, from their seats alone, and hold it against what is there."""
    moments = sorted({attempt.start for attempt in table.attempts})
    for moment in moments:
        there = {m.name: m for since, machines in table.clusters if since <= moment for m in machines}
        now = dict[str, Machine]()
        for since, machines in table.clusters:
            if since <= moment:
                now = {machine.name: machine for machine in machines}
        cores, gpus = dict.fromkeys(there, 0.0), dict[tuple[str, int], float]()
        for attempt in at(table, moment):
            seat = attempt.seat
            assert seat.machine in now, f"{attempt} sits on a node that is not there at {moment}"
            cores[seat.machine] += seat.share.cpus
            assert len(set(seat.gpus)) == len(seat.gpus) == (1 if 0 < seat.share.gpus < 1 else seat.share.gpus)
            for gpu in seat.gpus:
                assert gpu < now[seat.machine].gpus
                gpus[seat.machine, gpu] = gpus.get((seat.machine, gpu), 0.0) + min(seat.share.gpus, 1.0)
        for name, machine in now.items():
            assert cores[name] <= machine.cpus, f"{cores[name]} cores of {machine} at {moment}"
        assert all(taken <= 1 + 1e-6 for taken in gpus.values()), f"{gpus} at {moment}"


def at(table: Timetable, moment: float) -> list[Attempt]:
    """Attempts that hold their seats right after a moment."""
    return [attempt for attempt in table.attempts if attempt.start <= moment < attempt.end]

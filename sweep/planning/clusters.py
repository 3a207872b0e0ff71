"""Clusters that a plan is told the wall clock of: the one that it would run on, or sizes that are asked about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sweep.graph.capacity import Machine
from sweep.planning.gpus import Gpus
from sweep.planning.machines import this_machine
from trainables.ledger.plan import Plan

CORES_PER_GPU = 64
"""Of clusters that are not known: enough not to matter."""
USUAL = (Gpus(1), Gpus(8))
"""GPUs of a cluster elsewhere of which nothing is known."""


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Machines on which a plan is run on paper.

    Attributes:
        words: what it is.
        machines: its nodes.
        is_real: whether `run` would compute on it; others are only asked about.
    """

    words: str
    machines: tuple[Machine, ...]
    is_real: bool = False

    @property
    def gpus(self) -> int:
        """Of all nodes."""
        return sum(machine.gpus for machine in self.machines)

    @property
    def cpus(self) -> int:
        """Cores of all nodes."""
        return sum(machine.cpus for machine in self.machines)


def here(plan: Plan) -> Cluster:
    """This machine, as a plan uses it."""
    on_gpus = any(node.share.gpus for node in plan.nodes.values())
    machine = this_machine() if on_gpus else replace(this_machine(), gpus=0)
    return Cluster(words=_words(machine.gpus, machine.cpus), machines=(machine,), is_real=True)


def asked(machines: Sequence[Machine]) -> Cluster:
    """A cluster whose nodes are known."""
    gpus, cpus = sum(machine.gpus for machine in machines), sum(machine.cpus for machine in machines)
    nodes = f"{len(machines)} nodes with " if len(machines) > 1 else ""
    return Cluster(words=f"{nodes}{_words(gpus, cpus)}", machines=tuple(machines), is_real=True)


def of_sizes(sizes: Iterable[Gpus], *, like: Machine | None = None) -> tuple[Cluster, ...]:
    """Clusters of so many GPUs, with cores enough; the GPUs are those of the machine `like`, where one is given."""
    found = []
    for gpus in sizes:
        machine = with_gpus("there", gpus)
        if like:
            machine = replace(machine, gpu_type=like.gpu_type, gpu_bytes=like.gpu_bytes)
        found.append(Cluster(words=gpus.words, machines=(machine,)))
    return tuple(found)


def with_gpus(name: str, gpus: Gpus) -> Machine:
    """A node with so many GPUs, with cores enough."""
    cpus = CORES_PER_GPU * gpus.number
    return Machine(name=name, cpus=cpus, gpus=gpus.number, gpu_type=gpus.kind, gpu_bytes=gpus.bytes)


def _words(gpus: int, cpus: int) -> str:
    cores = f"{cpus} core{'s' * (cpus != 1)}"
    return f"{gpus} GPU{'s' * (gpus > 1)} and {cores}" if gpus else cores

"""Shares: what a run asks of a machine, from what the user says and from the memory that it needs."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace

from search_spaces.config import AUTO, ClusterFields
from sweep.graph.capacity import Machine
from sweep.planning.memory import Need
from sweep.planning.peaks import Peaks, kind_of
from trainables.ledger.plan import Plan, Share
from trainables.ledger.record import Record
from trainables.ledger.spec import Phase
from trainables.ledger.store import Store

_ENOUGH = 8
"""Records of a kind that are read."""


def share_of(cluster: ClusterFields, phase: Phase, tasks: Sequence[str], need: Need) -> Share:
    """The share of a run. `auto` is a whole GPU until the memory of one is known; a number is what it is."""
    own = [cluster.gpus.tasks[name] for name in tasks if name in cluster.gpus.tasks]
    given = own or [getattr(cluster.gpus, phase.value)]
    if AUTO in given:
        return Share(
            gpus=1.0,
            cpus=cluster.cpus,
            gpu_bytes=need.gpu,
            least_gpu_bytes=need.least_gpu,
            memory_bytes=need.beside_gpu,
        )
    gpus = max(float(each) for each in given)
    return Share(gpus=gpus, cpus=cluster.cpus, memory_bytes=need.beside_gpu if gpus else need.on_cores)


def share_here(share: Share, machines: Sequence[Machine], need: Need) -> Share:
    """The share as it is on machines that are known: the largest part of a GPU that it takes on any of them, or cores
    alone where none has a GPU.
    """
    if share.gpus and not any(machine.gpus for machine in machines):
        return Share(cpus=share.cpus, memory_bytes=need.on_cores)
    found = [taken for machine in machines if (taken := machine.taken_by(share))]
    return replace(share, gpus=max(taken.gpus for taken in found)) if found else share


def with_peaks(plan: Plan, store: Store) -> Plan:
    """The plan with what finished runs of the store have really taken, where that decides a share."""
    if not any(node.share.gpu_bytes or node.share.memory_bytes for node in plan.nodes.values()):
        return plan
    return Peaks(records_like(plan, store)).of_plan(plan)


def records_like(plan: Plan, store: Store) -> Iterator[Record]:
    """Records of runs of the plan that are finished; of each kind a few, since equal runs take the same."""
    seen: dict[Hashable, int] = {}
    for run_id, node in plan.nodes.items():
        kind = kind_of(node.spec)
        if seen.get(kind, 0) < _ENOUGH and store.is_finished(run_id):
            seen[kind] = seen.get(kind, 0) + 1
            yield store.record(run_id)

"""Rehearsal: a sweep run on paper several times over, each time with other faults of the same kind."""

from __future__ import annotations

import itertools
import math
import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sweep.graph.bounds import bound_of, useful_work
from sweep.graph.faults import Change, Faults
from sweep.graph.timetable import End, Timetable, num_cpus, num_gpus
from sweep.planning.clusters import Cluster, with_gpus
from sweep.planning.gpus import Gpus
from sweep.planning.machines import this_machine
from sweep.planning.outlook import Outlook
from trainables.ledger.plan import Plan
from trainables.ledger.standing import Standing
from trainables.ledger.states import State
from trainables.ledger.store import Store

GPUS_PER_NODE = 8
"""Of clusters that are not known."""


@dataclass(frozen=True, kw_only=True)
class Draw:
    """One time that a sweep was run on paper.

    Attributes:
        seconds: from the first start to the last end.
        bound: that no schedule beats which computes the same on the machines as they were there.
        busy: part of the time of the GPUs, or of the cores where no run takes a GPU, in which runs held them.
        in_vain: GPU-hours, or core-hours, that came to nothing.
        losses: attempts that were lost, by how.
        nodes_lost: of the cluster.
        failed: names of the runs that failed for good.
        blocked: names of the runs below them.
        left: names of the runs that no node that was left could hold, and of those below them.
        cells: how many are in which state.
    """

    seconds: float
    bound: float
    busy: float
    in_vain: float
    losses: Counter[End]
    nodes_lost: int
    failed: tuple[str, ...]
    blocked: tuple[str, ...]
    left: tuple[str, ...]
    cells: Counter[State]


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """The draws on one cluster; `unit` is that of `in_vain`."""

    cluster: Cluster
    unit: str
    draws: tuple[Draw, ...]

    def median(self, figure: Callable[[Draw], float]) -> float:
        """Of all draws."""
        return statistics.median(map(figure, self.draws))

    def range(self, figure: Callable[[Draw], float]) -> tuple[float, float]:
        """From the lowest tenth of all draws to the highest: the rest of them lies between."""
        found = sorted(map(figure, self.draws))
        outside = len(found) // 10
        return found[outside], found[-1 - outside]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What is run on paper, whatever the cluster and the faults.

    Attributes:
        outlook: the plan, and what is left of it.
        seconds: by run or by node, where they are known.
        parallel: trials of a search at the same time.
        max_concurrent: most runs at once; 0: as many as fit.
    """

    outlook: Outlook
    seconds: Mapping[str, float] = field(default_factory=dict)
    parallel: int = 1
    max_concurrent: int = 0


def rehearse(scene: Scene, cluster: Cluster, faults: Faults, changes: Sequence[Change], draws: int) -> Rehearsal:
    """Run a sweep on paper so many times; the seeds of the draws follow that of the faults.

    Raises UnplaceableError for a run that no machine of the cluster holds.
    """
    plan = scene.outlook.plan
    on_gpus = bool(cluster.gpus) and any(node.share.gpus for node in plan.nodes.values())
    found = []
    for number in range(draws):
        table = scene.outlook.simulate(
            cluster.machines, parallel=scene.parallel, max_concurrent=scene.max_concurrent, seconds=scene.seconds,
            faults=replace(faults, seed=faults.seed + number), changes=changes,
        )  # fmt: skip
        found.append(_drawn(table, scene, on_gpus=on_gpus))
    return Rehearsal(cluster=cluster, unit="GPU-hours" if on_gpus else "core-hours", draws=tuple(found))


def replayed(store: Store) -> Scene:
    """The last sweep of a store from its start, in which every run takes as long as its record says.

    A run without a record takes its estimate, a trial without one as long as the configured run. Raises LedgerError
    where there is no plan.
    """
    plan = store.plan()
    seconds = {node_id: _recorded(store, node_id) for node_id in plan.nodes if store.is_finished(node_id)}
    for study in store.studies():
        node_id = study.winner if study.winner in plan.nodes else study.node
        for trial in study.trials if node_id in plan.nodes else ():
            if store.is_finished(trial.run_id):
                name = f"{node_id}/{trial.number}" if trial.number else node_id
                seconds[name] = _recorded(store, trial.run_id)
    searched = [node_id for node_id, node in plan.nodes.items() if node.is_searched]
    outlook = Outlook(
        plan=plan,
        states=dict.fromkeys(plan.nodes, Standing(State.PENDING)),
        told=dict.fromkeys(searched, 0),
    )
    return Scene(outlook=outlook, seconds=seconds)


def clusters_of_gpus(sizes: Sequence[Gpus], nodes: int = 0) -> tuple[Cluster, ...]:
    """Clusters of so many GPUs on nodes of eight, or on so many nodes, with cores enough.

    Raises ValueError where the GPUs cannot be spread evenly over the nodes.
    """
    return tuple(_cluster(gpus, nodes) for gpus in sizes)


def like_this_machine(nodes: int, *, on_gpus: bool) -> Cluster:
    """A cluster of so many machines like this one."""
    here = this_machine()
    machines = tuple(
        replace(here, name=f"node {number + 1}", gpus=here.gpus if on_gpus else 0) for number in range(nodes)
    )
    has = f"{machines[0].gpus} GPUs and {here.cpus} cores" if machines[0].gpus else f"{here.cpus} cores"
    return Cluster(words=f"{nodes} x {has}" if nodes > 1 else has, machines=machines)


def _recorded(store: Store, run_id: str) -> float:
    return math.fsum(store.record(run_id).seconds.values())


def _cluster(gpus: Gpus, nodes: int) -> Cluster:
    number = nodes or math.ceil(gpus.number / GPUS_PER_NODE)
    if nodes and gpus.number % nodes:
        raise ValueError(f"--gpus {gpus} on --nodes {nodes}: allowed: a number of GPUs that the nodes share evenly")
    each = min(gpus.number, GPUS_PER_NODE) if not nodes else gpus.number // nodes
    sizes = [min(each, gpus.number - each * index) for index in range(number)]
    machines = tuple(with_gpus(f"node {place}", Gpus(size, gpus.kind)) for place, size in enumerate(sizes, start=1))
    return Cluster(words=gpus.words + (f" on {number} nodes" if number > 1 else ""), machines=machines)


def _drawn(table: Timetable, scene: Scene, *, on_gpus: bool) -> Draw:
    plan = scene.outlook.plan
    gpu_seconds, cpu_seconds = useful_work(table)
    held = sum(
        attempt.seconds * (attempt.seat.share.gpus if on_gpus else attempt.seat.share.cpus)
        for attempt in table.attempts
    )
    number = num_gpus if on_gpus else num_cpus
    there = sum(number(machines) * (until - since) for since, until, machines in table.periods())
    useful = gpu_seconds if on_gpus else cpu_seconds
    return Draw(
        seconds=table.makespan,
        bound=bound_of(table, plan, scene.parallel),
        busy=held / there if there else 0.0,
        in_vain=max(held - useful, 0.0) / 3600,
        losses=table.losses,
        nodes_lost=_nodes_lost(table),
        failed=_names(plan, table, State.FAILED),
        blocked=_names(plan, table, State.BLOCKED),
        left=_names(plan, table, State.READY, State.WAITING),
        cells=Counter(table.states[node_id] for node_id in plan.cells.values()),
    )


def _nodes_lost(table: Timetable) -> int:
    """Nodes that left before the last run had ended."""
    names = [{machine.name for machine in machines} for since, machines in table.clusters if since <= table.makespan]
    return sum(len(before - after) for before, after in itertools.pairwise(names))


def _names(plan: Plan, table: Timetable, *states: State) -> tuple[str, ...]:
    return tuple(plan.nodes[node_id].name for node_id, state in table.states.items() if state in states)

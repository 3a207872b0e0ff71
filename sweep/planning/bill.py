"""The bill of a sweep before it runs: work, wall clock on each cluster, critical path, disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from search_spaces.config import SweepConfig
from search_spaces.encoders import encoder_size
from sweep.graph.capacity import Capacity, UnplaceableError
from sweep.planning.budget import trial_hours, unit
from sweep.planning.clusters import Cluster
from sweep.planning.critical_path import Chain, longest_chains
from sweep.planning.disk import Forecast, forecast
from sweep.planning.footprint import tokenizer_bytes
from sweep.planning.outlook import Outlook
from sweep.planning.span import ZERO, Span, of_node
from trainables.ledger.plan import Node, Plan
from trainables.ledger.spec import Phase
from trainables.ledger.store import Store

ALL = "all"
"""The lot of all phases together."""
_LONGER = 1.02
"""Times a wall clock; what takes no more is not longer."""


@dataclass(frozen=True, kw_only=True)
class Lot:
    """The runs of a phase.

    Attributes:
        runs: that the grid needs.
        done: those that have a record.
        seconds: of those that are still to be computed, one at a time; those that are computed again among them.
        trials: further runs of their searches.
        trial_seconds: of these.
    """

    runs: int
    done: int
    seconds: Span
    trials: int
    trial_seconds: Span


@dataclass(frozen=True, kw_only=True)
class WallClock:
    """How long a sweep takes on a cluster, by simulation of its graph.

    Attributes:
        seconds: from start to end.
        without_searches: the same for the grid alone.
        busy: part of its GPUs' time that runs use, or of its cores' where no run takes a GPU.
        disk: bytes that the store takes on the way; None where that was not reckoned.
        is_capped: whether it would take less without the limit of runs at a time (cluster.max_concurrent).
        refused: why it cannot be run there; the rest then means nothing.
    """

    cluster: Cluster
    seconds: Span = ZERO
    without_searches: float = 0.0
    busy: float = 0.0
    disk: Forecast | None = None
    is_capped: bool = False
    refused: str = ""

    @property
    def paid(self) -> float:
        """GPU-hours that are paid, used or not."""
        return self.cluster.gpus * self.seconds.expected / 3600


@dataclass(frozen=True, kw_only=True)
class Bill:
    """What a sweep is expected to take.

    Attributes:
        unit: of the hours: GPU-hours, or core-hours where no run takes a GPU.
        hours: of all that is left, by the shares of the runs.
        search_hours: those of them that are for searches.
        lots: by phase, and of all together.
        language_adapters: those of the intermediate runs that are there for the adapters of other languages alone.
        clocks: a cluster each, in the order asked.
        chains: the critical path, and the next longest chains.
    """

    outlook: Outlook
    unit: str
    hours: Span
    search_hours: Span
    lots: Mapping[str, Lot]
    language_adapters: Lot
    clocks: tuple[WallClock, ...]
    chains: tuple[Chain, ...]

    @property
    def plan(self) -> Plan:
        """With the winners of searches that have ended."""
        return self.outlook.plan

    @property
    def widest(self) -> WallClock | None:
        """The cluster on which the store takes the most; None where the sweep can be run on none."""
        held = [clock for clock in self.clocks if clock.disk]
        return max(held, key=lambda clock: clock.disk.peak if clock.disk else 0, default=None)

    @property
    def disk(self) -> Forecast | None:
        """The most that the store takes."""
        return self.widest.disk if self.widest else None


def bill_of(outlook: Outlook, store: Store, config: SweepConfig, clusters: Sequence[Cluster]) -> Bill:
    """The bill of what is left of a plan."""
    plan, parallel = outlook.plan, config.search.parallel
    own = {run_id: _hours(node, plan) * outlook.left(run_id, searched=False) for run_id, node in plan.nodes.items()}
    further = {run_id: _hours(node, plan) * outlook.trials_left(run_id) for run_id, node in plan.nodes.items()}
    search_hours = sum(further.values(), ZERO)
    phases: dict[str, tuple[Phase, ...]] = {phase.value: (phase,) for phase in Phase} | {ALL: tuple(Phase)}
    return Bill(
        outlook=outlook,
        unit=unit(plan),
        hours=sum(own.values(), ZERO) + search_hours,
        search_hours=search_hours,
        lots={
            name: _lot(outlook, [run_id for run_id, node in plan.nodes.items() if node.spec.phase in phases_of])
            for name, phases_of in phases.items()
        },
        language_adapters=_lot(outlook, _for_swaps(plan)),
        clocks=tuple(_with_disk(wall_clock(outlook, config, each), outlook, store, config) for each in clusters),
        chains=longest_chains(outlook, parallel),
    )


def wall_clock(outlook: Outlook, config: SweepConfig, cluster: Cluster) -> WallClock:
    """What is left, on one cluster."""
    parallel, most, nodes = config.search.parallel, config.cluster.max_concurrent, outlook.plan.nodes

    def makespan(seconds: Mapping[str, float] | None = None, *, searched: bool = True, most: int = most) -> float:
        found = outlook.simulate(
            cluster.machines, parallel=parallel, max_concurrent=most, searched=searched, seconds=seconds
        )
        return found.makespan

    try:
        expected = makespan()
    except UnplaceableError as error:
        return WallClock(cluster=cluster, refused=str(error))
    low = high = expected
    if any(of_node(node).is_known for node in nodes.values()):
        low = min(makespan({run_id: of_node(node).low for run_id, node in nodes.items()}), expected)
        high = max(makespan({run_id: of_node(node).high for run_id, node in nodes.items()}), expected)
    return WallClock(
        cluster=cluster,
        seconds=Span(expected=expected, low=low, high=high),
        without_searches=makespan(searched=False) if outlook.is_searched else expected,
        busy=_used(outlook, cluster) / expected if expected else 0.0,
        is_capped=bool(most) and expected > _LONGER * makespan(most=0),
    )


def _used(outlook: Outlook, cluster: Cluster) -> float:
    """Seconds that all GPUs of a cluster, or all its cores where no run takes a GPU, would be in use together."""
    capacity = Capacity(cluster.machines)
    shares = {run_id: capacity.fitted(node.share) for run_id, node in outlook.plan.nodes.items()}
    seconds = {run_id: node.cost * outlook.left(run_id) for run_id, node in outlook.plan.nodes.items()}
    if any(share.gpus for share in shares.values()):
        return sum(seconds[run_id] * share.gpus for run_id, share in shares.items()) / cluster.gpus
    return sum(seconds[run_id] * share.cpus for run_id, share in shares.items()) / max(cluster.cpus, 1)


def _hours(node: Node, plan: Plan) -> Span:
    """GPU-hours or core-hours of one run."""
    expected = trial_hours(node, plan)
    return of_node(node) * (expected / node.cost) if node.cost else ZERO


def _for_swaps(plan: Plan) -> list[str]:
    """Runs whose adapters of a language take the place of others', and that no row starts from."""
    nodes = plan.nodes.values()
    swapped = dict.fromkeys(run_id for node in nodes for run_id in node.spec.swaps.values())
    return [run_id for run_id in swapped if run_id in plan.nodes and run_id not in {node.spec.parent for node in nodes}]


def _lot(outlook: Outlook, run_ids: Sequence[str]) -> Lot:
    nodes = {run_id: outlook.plan.nodes[run_id] for run_id in run_ids}
    left = {run_id: outlook.left(run_id, searched=False) for run_id in nodes}
    trials = {run_id: outlook.trials_left(run_id) for run_id in nodes}
    return Lot(
        runs=len(nodes),
        done=sum(not outlook.runs_left(run_id) for run_id in nodes),
        seconds=sum((of_node(node) * left[run_id] for run_id, node in nodes.items()), ZERO),
        trials=sum(trials.values()),
        trial_seconds=sum((of_node(node) * trials[run_id] for run_id, node in nodes.items()), ZERO),
    )


def _with_disk(clock: WallClock, outlook: Outlook, store: Store, config: SweepConfig) -> WallClock:
    if clock.refused:
        return clock
    size = encoder_size(config.encoder.name, config.encoder.revision)
    found = forecast(
        outlook, store, config.keep, clock.cluster.machines, parallel=config.search.parallel,
        max_concurrent=config.cluster.max_concurrent, once=tokenizer_bytes(size),
        writers=config.cluster.checkpoint_writers or len(outlook.plan.nodes),
    )  # fmt: skip
    return replace(clock, disk=found)

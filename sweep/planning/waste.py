"""Waste: what of a sweep will cost money for nothing, as far as a plan can know; said before anything runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from search_spaces.config import SweepConfig
from search_spaces.search_fields import SearchFields
from sweep.graph.capacity import Capacity
from sweep.planning.amounts import in_hours
from sweep.planning.bill import Bill, WallClock, wall_clock
from sweep.planning.clusters import Cluster, of_sizes
from sweep.planning.gpus import Gpus
from sweep.planning.outlook import Outlook
from trainables.ledger.plan import Node, Plan
from trainables.ledger.spec import Precision
from trainables.ledger.store import Store
from trainables.ledger.usage import size_of

_MOST_IDLE = 0.5
"""Part of a cluster's GPU time that may be idle without a word."""
_DAY = 86_400
_AS_LONG = 1.1
"""Times a wall clock; what takes no more takes as long."""


class Kind(StrEnum):
    """What a caution is about; programs may rely on these words."""

    FP32_ON_GPU = "fp32-on-gpu"
    NO_GPU = "no-gpu"
    GPUS_NOT_USED = "gpus-not-used"
    IDLE_GPUS = "idle-gpus"
    BUDGET = "budget"
    NO_TRIALS = "no-trials"
    DISK = "disk"
    ENCODER = "encoder-unreachable"
    CLUSTER = "cluster-unreachable"


@dataclass(frozen=True, kw_only=True)
class Caution:
    """One thing that will waste money or stop the sweep, and what to do."""

    kind: Kind
    text: str


def waste(
    bill: Bill, config: SweepConfig, store: Store, *, in_bf16: float = 0.0, budget: float = 0.0
) -> Iterator[Caution]:
    """Warnings of a bill.

    `in_bf16` are the hours of the same sweep in bf16 where they were reckoned, `budget` the hours that are at hand; 0
    where there are none.
    """
    yield from _disk(bill, store)
    yield from _fp32(bill, in_bf16)
    yield from _on_cores(bill, config)
    for clock in bill.clocks:
        yield from _without_gpus(bill, clock.cluster)
        yield from _idle(bill, clock, config)
    if budget:
        yield from _budget(bill, budget)
    yield from _no_trials(bill.plan, config.search)


def is_slow(node: Node) -> bool:
    """Whether a run trains in fp32 on a GPU."""
    settings = node.spec.optimisation
    return bool(node.share.gpus) and settings is not None and settings.precision is Precision.FP32


def _disk(bill: Bill, store: Store) -> Iterator[Caution]:
    disk = bill.disk
    if disk and disk.lacking:
        yield Caution(
            kind=Kind.DISK,
            text=f"the disk of {store} lacks {size_of(disk.lacking)}: {size_of(disk.free)} are free. Give another "
            "--store, or keep less (--keep none)",
        )


def _fp32(bill: Bill, in_bf16: float) -> Iterator[Caution]:
    slow = [run_id for run_id, node in bill.plan.nodes.items() if is_slow(node) and bill.outlook.left(run_id)]
    if not slow:
        return
    hours = f": {in_hours(in_bf16)} {bill.unit} in place of {in_hours(bill.hours.expected)}"
    yield Caution(
        kind=Kind.FP32_ON_GPU,
        text=f"{len(slow)} run{'s' * (len(slow) > 1)} would train in fp32 on GPUs, as published; bf16 is several times "
        f"faster{hours * bool(in_bf16)} (--set intermediate.precision=bf16 --set target.precision=bf16)",
    )


def _on_cores(bill: Bill, config: SweepConfig) -> Iterator[Caution]:
    """Runs that ask for a GPU, for days on the cores of a machine that has none."""
    asks = any(config.cluster.gpus.model_dump().values())
    longest = max((clock.seconds.expected for clock in bill.clocks if clock.cluster.is_real), default=0.0)
    takes = any(node.share.gpus for node in bill.plan.nodes.values())
    if asks and not takes and longest > _DAY:
        yield Caution(
            kind=Kind.NO_GPU,
            text="there is no GPU here, so runs that ask for one (cluster.gpus) would compute on cores, for "
            f"{longest / _DAY:,.0f} days; --gpus 1,8 says what they take on GPUs",
        )


def _without_gpus(bill: Bill, cluster: Cluster) -> Iterator[Caution]:
    takes = any(node.share.gpus for node in bill.plan.nodes.values())
    if takes and not cluster.gpus:
        yield Caution(
            kind=Kind.NO_GPU,
            text=f"runs ask for GPUs, and {cluster.words} has none: they would compute on cores, many times slower",
        )
    if cluster.gpus and not takes:
        yield Caution(
            kind=Kind.GPUS_NOT_USED,
            text=f"no run asks for a GPU (cluster.gpus.intermediate, .target and .retrieval are 0): of {cluster.words} "
            "the GPUs would be idle",
        )


def _idle(bill: Bill, clock: WallClock, config: SweepConfig) -> Iterator[Caution]:
    """A cluster whose GPUs mostly wait, and how small a one is as fast."""
    cluster = clock.cluster
    takes = any(Capacity(cluster.machines).fitted(node.share).gpus for node in bill.plan.nodes.values())
    if clock.refused or not takes or not clock.seconds.expected or clock.busy > 1 - _MOST_IDLE or cluster.gpus < 2:
        return
    smaller = _as_fast(bill.outlook, config, clock)
    least = f"; {smaller} GPU{'s take' if smaller > 1 else ' takes'} about as long" if smaller else ""
    why = "the critical path sets the time" if _is_bound(bill, clock) else "too few runs can start at the same time"
    if config.cluster.max_concurrent and not _is_bound(bill, clock):
        why = f"cluster.max_concurrent is {config.cluster.max_concurrent}"
    yield Caution(
        kind=Kind.IDLE_GPUS,
        text=f"on {cluster.words} the GPUs would be idle for {1 - clock.busy:.0%} of the time, since {why}{least}",
    )


def _is_bound(bill: Bill, clock: WallClock) -> bool:
    """Whether the wall clock is that of the critical path."""
    return bool(bill.chains) and clock.seconds.expected <= _AS_LONG * bill.chains[0].seconds.expected


def _as_fast(outlook: Outlook, config: SweepConfig, clock: WallClock) -> int:
    """The least power of two of GPUs that takes about as long; 0 where no smaller one does."""
    sizes = [2**power for power in range(clock.cluster.gpus.bit_length()) if 2**power < clock.cluster.gpus]
    for cluster in of_sizes(map(Gpus, sizes), like=next(each for each in clock.cluster.machines if each.gpus)):
        found = wall_clock(outlook, config, cluster)
        if not found.refused and found.seconds.expected <= _AS_LONG * clock.seconds.expected:
            return cluster.gpus
    return 0


def _budget(bill: Bill, budget: float) -> Iterator[Caution]:
    """More than the hours at hand, and how many seeds they would suffice for."""
    needed = bill.hours.expected
    if needed <= budget:
        if bill.hours.high > budget:
            yield Caution(
                kind=Kind.BUDGET,
                text=f"it may take up to {in_hours(bill.hours.high)} {bill.unit}, more than the "
                f"{in_hours(budget)} at hand",
            )
        return
    seeds = {node.spec.seed for run_id, node in bill.plan.nodes.items() if bill.outlook.left(run_id)}
    without = needed - bill.search_hours.expected
    hints = []
    if bill.search_hours.expected and without <= budget:
        hints.append(f"without searches it takes {in_hours(without)}")
    elif len(seeds) > 1:
        suffice = int(budget / (without / len(seeds)))
        hints.append(f"they suffice for {suffice} of {len(seeds)} seeds" if suffice else "they suffice for no seed")
    hint = "".join(f"; {text}" for text in hints)
    yield Caution(
        kind=Kind.BUDGET,
        text=f"it takes {in_hours(needed)} {bill.unit}, {in_hours(budget)} are at hand{hint}",
    )


def _no_trials(plan: Plan, search: SearchFields) -> Iterator[Caution]:
    """A budget of a search that leaves runs without a single trial."""
    able = [node for node in plan.nodes.values() if node.space]
    without = [node for node in able if not node.is_searched]
    if search.gpu_hours and without:
        yield Caution(
            kind=Kind.NO_TRIALS,
            text=f"the {search.gpu_hours:g} hours of the search suffice for no trial of {_some(without)} "
            f"({len(without)} of {len(able)} runs); fewer tasks, or more hours",
        )


def _some(nodes: Sequence[Node]) -> str:
    names = [node.name for node in nodes[:3]]
    return ", ".join(names) + (" and others" if len(nodes) > len(names) else "")

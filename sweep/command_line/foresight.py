"""Foresight: all that `plan` says of a sweep, gathered; nothing is written, and the hub need not answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from search_spaces.config import SweepConfig
from sweep.cluster.errors import RayError
from sweep.command_line.setup import Setup, clusters_of, planned
from sweep.graph.capacity import Machine
from sweep.planning.bill import Bill, bill_of
from sweep.planning.clusters import Cluster, asked, of_sizes
from sweep.planning.foreseen import ForeseenData, preliminary_runs
from sweep.planning.gpus import Gpus
from sweep.planning.machines import this_machine
from sweep.planning.outlook import look_at
from sweep.planning.planner import build_plan, data_of
from sweep.planning.row_counts import Origin, RowCounts
from sweep.planning.shares import with_peaks
from sweep.planning.start import check_start
from sweep.planning.waste import Caution, Kind, is_slow, waste
from trainables.ledger.spec import Precision
from trainables.model.names import EncoderUnreachableError

LOCAL = "local"
"""Address of a Ray that is started on this machine."""


@dataclass(frozen=True, kw_only=True)
class Foresight:
    """A sweep that is looked at.

    Attributes:
        bill: what it takes.
        rows: where its row counts come from.
        unasked: repository -> why the hub could not be asked for its commit.
        preliminary: runs whose id will be another one for that.
        cautions: what would waste money, or stop the sweep.
    """

    setup: Setup
    bill: Bill
    rows: RowCounts
    unasked: Mapping[str, str]
    preliminary: frozenset[str]
    cautions: tuple[Caution, ...]


def foresee(config: SweepConfig, sizes: Sequence[Gpus] = (), budget: float = 0.0) -> Foresight:
    """Look at a sweep, on the cluster that it would run on and on clusters of so many GPUs.

    `budget` are the hours at hand; 0 is no limit. Raises as `set_up` does, but neither where the hub cannot be reached
    nor where the cluster does not answer; ValueError also for a run that no node of a known cluster can hold.
    """
    found, silent = known_machines(config)
    data = ForeseenData(data_of(config))
    rows = RowCounts(data)
    machines = (*found, *(machine for cluster in of_sizes(sizes) for machine in cluster.machines))
    setup = planned(config, data, rows=rows, machines=machines)
    outlook = look_at(setup.plan, setup.store)
    bill = bill_of(outlook, setup.store, config, _clusters(setup, found, sizes))
    for clock in bill.clocks:
        if clock.refused and clock.cluster.is_real:
            raise ValueError(f"{clock.refused}. Ask for less (cluster.gpus, cluster.cpus), or give another cluster")
    slow = any(is_slow(node) and outlook.left(run_id) for run_id, node in outlook.plan.nodes.items())
    in_bf16 = _hours_in_bf16(setup, bill, data, rows, machines) if slow else 0.0
    return Foresight(
        setup=setup,
        bill=bill,
        rows=rows,
        unasked=data.unasked,
        preliminary=preliminary_runs(outlook.plan, data, data.unasked, config.data.repositories),
        cautions=(
            *silent,
            *_encoder(setup),
            *waste(bill, config, setup.store, in_bf16=in_bf16, budget=budget),
        ),
    )


def remarks(foresight: Foresight) -> Iterator[str]:
    """In words: which figures were not counted, and which ids are not the last word."""
    rows = foresight.rows
    published, assumed = rows.names(Origin.PUBLISHED), rows.names(Origin.ASSUMED)
    if published:
        is_all = not rows.names(Origin.COUNTED)
        yield f"row counts are published ones{', none was counted' if is_all else f': {_by_task(published)}'}"
    if assumed:
        yield f"row counts are assumed, neither counted nor published: {_by_task(assumed)}"
    if foresight.unasked:
        number = len(foresight.preliminary)
        yield (
            f"preliminary: the hub did not say which commit {', '.join(foresight.unasked)} is at, so "
            f"{number} run{'s' * (number != 1)} of {len(foresight.bill.plan.nodes)} will have other ids, and show here "
            f"as not done. `run` needs the hub, or --data DIR"
        )


def known_machines(config: SweepConfig) -> tuple[tuple[Machine, ...], tuple[Caution, ...]]:
    """The nodes of the cluster that is asked for, and what is to be said where it does not answer."""
    address = config.cluster.address
    if not address:
        return (), ()
    if address == LOCAL:
        return (this_machine(),), ()
    from sweep.cluster.nodes import nodes_of  # late: Ray takes a second, and other plans do without

    try:
        return tuple(nodes_of(address)), ()
    except RayError as error:
        text = f"the nodes of the cluster are not known, so shares were not held against them: {error}"
        return (), (Caution(kind=Kind.CLUSTER, text=text),)


def _clusters(setup: Setup, found: Sequence[Machine], sizes: Sequence[Gpus]) -> tuple[Cluster, ...]:
    """The cluster that is asked for, then those of so many GPUs.

    Costs are those of GPUs where some cluster has any, so that one without is left out then.
    """
    wanted = of_sizes(sizes)
    if found and (not wanted or any(machine.gpus for machine in found)):
        return (asked(found), *wanted)
    return wanted or clusters_of(setup)


def _hours_in_bf16(setup: Setup, bill: Bill, data: ForeseenData, rows: RowCounts, machines: Sequence[Machine]) -> float:
    """Hours of the same runs in bf16, by the same formula."""
    same = build_plan(_in_bf16(setup.config), data, rows=rows, machines=machines, costs=setup.costs)
    other = with_peaks(same, setup.store)
    faster = dict(zip(bill.plan.nodes, other.nodes.values(), strict=True))
    hours = 0.0
    for run_id, node in bill.plan.nodes.items():
        share = node.share.gpus if bill.unit == "GPU-hours" else node.share.cpus
        hours += faster[run_id].cost * bill.outlook.left(run_id) * share / 3600
    return hours


def _in_bf16(config: SweepConfig) -> SweepConfig:
    """The sweep with every run in bf16, whatever single tasks say."""
    precision = {"precision": Precision.BF16}

    def changed(section: Any) -> Any:
        tasks = {name: each.model_copy(update=precision) for name, each in section.tasks.items()}
        return section.model_copy(update=precision | {"tasks": tasks})

    return config.model_copy(update={"intermediate": changed(config.intermediate), "target": changed(config.target)})


def _encoder(setup: Setup) -> Iterator[Caution]:
    try:
        check_start(setup.config, setup.plan, setup.store)
    except EncoderUnreachableError as error:
        yield Caution(kind=Kind.ENCODER, text=f"{error}. `run` would refuse here")


def _by_task(names: Sequence[str]) -> str:
    """`xnli train, xnli dev` as `xnli (train, dev)`."""
    splits: dict[str, list[str]] = {}
    for name in names:
        task, _, split = name.partition(" ")
        splits.setdefault(task, []).append(split)
    return ", ".join(f"{task} ({', '.join(found)})" for task, found in splits.items())

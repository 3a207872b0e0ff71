"""Setup: from options to a plan that is decided, the store it is for, and the rule of its race."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, RenderableType
from rich.text import Text

from search_spaces.config import SweepConfig
from sweep.command_line.configuration import configure, starts_as_published
from sweep.command_line.stores import store_of
from sweep.graph.capacity import Machine
from sweep.planning.bill import bill_of
from sweep.planning.clusters import USUAL, Cluster, here, of_sizes
from sweep.planning.cost import Costs
from sweep.planning.courses import courses_of
from sweep.planning.known_costs import costs_of
from sweep.planning.outlook import look_at
from sweep.planning.own_tasks import carry_own
from sweep.planning.planner import build_plan, data_of
from sweep.planning.row_counts import RowCounts
from sweep.planning.shares import with_peaks
from sweep.planning.start import check_start
from sweep.planning.trials import with_trials
from sweep.planning.waste import waste
from sweep.terminal.description import describe
from trainables.data.carried import keep as keep_tasks
from trainables.data.source import DataSource
from trainables.ledger.allocation import Allocation
from trainables.ledger.paths import expanded, why_no_folder
from trainables.ledger.plan import Plan
from trainables.ledger.race import Guarantee, Rule
from trainables.ledger.store import Store


@dataclass(frozen=True, kw_only=True)
class Setup:
    """A sweep before it runs.

    Attributes:
        config: what the user said.
        store: where results are and go.
        plan: with its trials.
        allocation: how hours of a search were spread; None where there is no budget in hours.
        rule: of the race; None where there is none.
        costs: what the costs of the plan stand on.
    """

    config: SweepConfig
    store: Store
    plan: Plan
    allocation: Allocation | None
    rule: Rule | None
    costs: Costs


def set_up(given: argparse.Namespace, console: Console) -> Setup:
    """The sweep that the options describe; writes nothing but what a probe has measured, where that is asked for.

    Raises ValueError or StudyError for a plan, a search or a race that cannot be, EncoderUnavailableError or
    CacheFolderError for an encoder that cannot be had, LedgerError for a file of the store that cannot be read.
    """
    config = configured(given, console)
    setup = planned(config)
    check_start(config, setup.plan, setup.store)
    return setup


def planned(
    config: SweepConfig,
    data: DataSource | None = None,
    *,
    rows: RowCounts | None = None,
    machines: Sequence[Machine] = (),
) -> Setup:
    """The sweep of a configuration, whose encoder has not been looked for; raises as `set_up` does.

    `data`, `rows` and `machines` are as in `build_plan`.
    """
    store = store_of(config)
    opened = data or data_of(config)
    carry_own(config, opened)  # before costs, which know finished runs by their tasks
    costs = costs_of(config, store, machines)
    found = with_peaks(build_plan(config, opened, rows=rows, machines=machines, costs=costs), store)
    plan, allocation = with_trials(found, config.search, earlier_allocation(config, store))
    if config.race.enabled:
        courses_of(plan)
        store.race()
    return Setup(config=config, store=store, plan=plan, allocation=allocation, rule=rule_of(config), costs=costs)


def earlier_allocation(config: SweepConfig, store: Store) -> Allocation | None:
    """How hours were spread, where they are to be; other sweeps need not be able to read it."""
    return store.allocation() if config.search.gpu_hours else None


def note(setup: Setup) -> None:
    """Write the plan and what it was made from, before anything runs; the caller holds the store."""
    store = setup.store
    keep_tasks(setup.plan.definitions, store)
    if store.holds_trials and not any(node.is_searched for node in setup.plan.nodes.values()):
        store.save_studies(())  # not removed: it also says that the store holds trials that lost
    if setup.allocation:
        store.save_allocation(setup.allocation)
    store.save_plan(setup.plan)


def configured(given: argparse.Namespace, console: Console) -> SweepConfig:
    """The configuration that the options describe, with absolute paths."""
    config = configure(given)
    if starts_as_published(given):
        console.print(Text("neither --preset nor --config: whatever is not said is as published", style="dim"))
    data = config.data
    found = {name: str(expanded(path).resolve()) for name, path in data.raw.folders.items()}
    places: dict[str, object] = {"raw": data.raw.model_copy(update=found)}
    if data.source not in ("hub", "demo") and data.source.strip():  # the rest is for open_data to refuse
        folder = expanded(data.source)
        if not why_no_folder(folder):
            places["source"] = str(folder.resolve())
    return config.model_copy(update={"data": data.model_copy(update=places)})


def described(setup: Setup) -> RenderableType:
    """The plan in words."""
    config = setup.config
    bill = bill_of(look_at(setup.plan, setup.store), setup.store, config, clusters_of(setup))
    cautions = tuple(waste(bill, config, setup.store))
    return describe(bill, setup.store, config.search, racing=config.race.enabled, costs=setup.costs, cautions=cautions)


def clusters_of(setup: Setup) -> tuple[Cluster, ...]:
    """Where `run` would compute: this machine, or, for a cluster elsewhere, the usual sizes of one."""
    if not setup.config.cluster.address:
        return (here(setup.plan),)
    return of_sizes(USUAL) if any(node.share.gpus for node in setup.plan.nodes.values()) else ()


def rule_of(config: SweepConfig) -> Rule | None:
    """When a row counts as beaten; None where there is no race."""
    race = config.race
    if not race.enabled:
        return None
    return Rule(alpha=race.alpha, guarantee=Guarantee(race.guarantee), seed_sd=race.seed_sd)

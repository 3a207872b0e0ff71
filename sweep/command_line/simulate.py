"""The command `simulate`: a sweep on paper, on clusters that need not exist, whatever goes wrong. Writes nothing."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Collection, Sequence
from dataclasses import replace

from rich.console import Console
from rich.text import Text

from search_spaces.config import SweepConfig
from sweep.command_line.arguments import UsageError
from sweep.command_line.foresight import known_machines
from sweep.command_line.setup import configured, planned
from sweep.command_line.simulate_json import as_json
from sweep.command_line.stores import store_of
from sweep.graph.faults import Change, Faults
from sweep.planning.clusters import Cluster, asked, here
from sweep.planning.foreseen import ForeseenData
from sweep.planning.outlook import look_at
from sweep.planning.planner import data_of
from sweep.planning.rehearsal import Scene, clusters_of_gpus, like_this_machine, rehearse, replayed
from sweep.terminal.rehearsal_description import describe_rehearsals
from trainables.ledger.bounds import Bounds
from trainables.ledger.console import silent_console
from trainables.ledger.nearest import unknown
from trainables.ledger.plan import Plan

_DRAWS = 20
"""Where something is left to chance and nothing else is said."""
_WHAT = (
    "preset", "config", "data", "encoder", "intermediates", "mlm", "targets", "seeds", "train_rows", "eval_rows",
    "languages", "search", "race",
)  # fmt: skip
"""Options that say which sweep it is."""
_PERCENT = Bounds(low=0, high=100, above=True)


def simulate(given: argparse.Namespace, console: Console) -> int:
    """Say how a sweep would go; returns the exit code."""
    _check(given)
    config = _config(given, silent_console() if given.json else console)
    scene, clusters = _replay(config, given) if given.replay else _left(config, given)
    scene = replace(scene, parallel=config.search.parallel, max_concurrent=config.cluster.max_concurrent)
    faults = _faults(given, config, scene.outlook.plan)
    draws = given.draws or (_DRAWS if faults.are_drawn else 1)
    found = [rehearse(scene, cluster, faults, _changes(given, cluster), draws) for cluster in clusters]
    if given.json:
        shown = as_json(found, scene, faults)
        console.print(Text(json.dumps(shown, indent=2, allow_nan=False)), soft_wrap=True)
    else:
        console.print(*describe_rehearsals(found, scene, faults, is_replay=given.replay), sep="\n")
    return 0


def _check(given: argparse.Namespace) -> None:
    """Raise UsageError for options that do not fit together."""
    if given.node_back is not None and given.node_life is None:
        raise UsageError("--node-back says when a node that was lost by chance is replaced; allowed: with --node-life")
    if given.first_draw is not None and given.draws is None and not _is_drawn(given):
        raise UsageError("--first-draw: nothing is left to chance; allowed: with --fail P%, --wrong-by and the like")


def _is_drawn(given: argparse.Namespace) -> bool:
    times = (given.lose_worker, given.hang, given.node_life, given.wrong_by)
    return any(time is not None for time in times) or any(map(_rate, given.fail))


def _config(given: argparse.Namespace, console: Console) -> SweepConfig:
    """The configuration; where no option says which sweep it is, the one of the store."""
    if given.store is not None and not any(_is_given(given, name) for name in _WHAT):
        store = store_of(configured(given, silent_console()))
        store.refresh()
        if kept := store.config_file():
            return configured(argparse.Namespace(**vars(given) | {"config": kept}), console)
    return configured(given, console)


def _is_given(given: argparse.Namespace, name: str) -> bool:
    return getattr(given, name) not in (None, False)


def _left(config: SweepConfig, given: argparse.Namespace) -> tuple[Scene, Sequence[Cluster]]:
    """What is left of a sweep, and where."""
    known: tuple[Cluster, ...] = ()
    if config.cluster.address and not given.gpus and not given.nodes:
        machines, cautions = known_machines(config)
        if not machines:
            raise ValueError(f"{cautions[0].text}. Without --address, --gpus says on how many GPUs")
        known = (asked(machines),)
    clusters = known or clusters_of_gpus(given.gpus or (), given.nodes or 0)
    data = ForeseenData(data_of(config))
    setup = planned(config, data, machines=[machine for cluster in clusters for machine in cluster.machines])
    outlook = look_at(setup.plan, setup.store)
    return Scene(outlook=outlook), clusters or _machines_like_this(setup.plan, given)


def _replay(config: SweepConfig, given: argparse.Namespace) -> tuple[Scene, Sequence[Cluster]]:
    """The whole sweep of a store as it went, and where."""
    scene = replayed(store_of(config))
    plan = scene.outlook.plan
    if given.gpus and not any(node.share.gpus for node in plan.nodes.values()):
        raise ValueError(
            f"--gpus {','.join(map(str, given.gpus))}: no run of this sweep took a GPU; allowed: --nodes N"
        )
    return scene, clusters_of_gpus(given.gpus or (), given.nodes or 0) or _machines_like_this(plan, given)


def _machines_like_this(plan: Plan, given: argparse.Namespace) -> tuple[Cluster, ...]:
    if not given.nodes:
        return (here(plan),)
    return (like_this_machine(given.nodes, on_gpus=any(node.share.gpus for node in plan.nodes.values())),)


def _faults(given: argparse.Namespace, config: SweepConfig, plan: Plan) -> Faults:
    """What goes wrong; raises ValueError for a run that is not in the plan."""
    rates = [rate for text in given.fail if (rate := _rate(text))]
    failing = {node_id for text in given.fail if not _rate(text) for node_id in _named(text, plan)}
    return Faults(
        seed=given.first_draw or 0,
        failing=failing,
        failure_rate=1 - math.prod(1 - rate for rate in rates),
        wrong_by=given.wrong_by or 1.0,
        worker_seconds=given.lose_worker or math.inf,
        hang_seconds=given.hang or math.inf,
        silence=config.cluster.hang_seconds,
        node_seconds=given.node_life or math.inf,
        node_back=given.node_back or math.inf,
        checkpoint_seconds=config.cluster.checkpoint_seconds,
    )


def _rate(text: str) -> float:
    """`2%` as 0.02; 0 for the name of a run. Raises ValueError for a part that cannot be."""
    if not text.endswith("%"):
        return 0.0
    try:
        return float(_PERCENT.read(text[:-1].strip())) / 100
    except ValueError as error:
        raise ValueError(f"--fail {text}: of the percentage {error}; or the name of a run") from None


def _named(text: str, plan: Plan) -> Collection[str]:
    """The runs of a name, with its seed or of all seeds, or of an id."""
    found = [
        node_id for node_id, node in plan.nodes.items() if text in (node_id, node.name, node.name.rpartition(" #")[0])
    ]
    if not found:
        names = dict.fromkeys(node.name.rpartition(" #")[0] or node.name for node in plan.nodes.values())
        raise ValueError(f"--fail: {unknown('run', text, names)}; or a part of all runs, as 2%")
    return found


def _changes(given: argparse.Namespace, cluster: Cluster) -> list[Change]:
    """Nodes that leave, the last one first, and that join, like the first one; raises ValueError for too many."""
    machines = cluster.machines
    if len(given.lose_node) > len(machines):
        raise ValueError(
            f"--lose-node is given {len(given.lose_node)} times; {cluster.words} are {len(machines)} "
            f"node{'s' * (len(machines) > 1)}. "
            "--nodes spreads GPUs over more"
        )
    names = [machine.name for machine in reversed(machines)]
    leaves = [Change(time=time, leaves=(name,)) for time, name in zip(sorted(given.lose_node), names, strict=False)]
    joins = [
        Change(time=time, joins=(replace(machines[0], name=f"node {len(machines) + number}"),))
        for number, time in enumerate(sorted(given.join_node), start=1)
    ]
    return [*leaves, *joins]

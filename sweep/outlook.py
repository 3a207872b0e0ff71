"""Outlook: what a plan and its searches still need, from the store alone, and how long that takes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from analysis.searches import read_searches
from search_spaces.config import ClusterFields
from search_spaces.search_fields import SearchFields
from sweep.budget_file import trials_of
from sweep.capacity import Machine
from sweep.nodes import Plan, resolve
from sweep.search_simulation import simulate_searches
from sweep.status import State, run_states
from trainables.store import LocalStore

_CORES_PER_GPU = 64
"""Of clusters that are not known: enough not to matter."""


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """A plan with what is known of its searches. Ids are those of `plan`, where a winner stands for its node.

    Attributes:
        plan: with the winners of the searches that have ended.
        states: run id -> state and reason.
        trials: run id -> trials, the configured run among them, for runs that are searched.
        told: run id -> trials that have ended, for the same runs.
    """

    plan: Plan
    states: Mapping[str, tuple[State, str]]
    trials: Mapping[str, int]
    told: Mapping[str, int]

    def runs_left(self, run_id: str) -> int:
        """1 while the run itself has no record: what the grid needs of it."""
        return int(self.states[run_id][0] is not State.DONE)

    def trials_left(self, run_id: str) -> int:
        """Further runs that its search needs."""
        return max(self.trials.get(run_id, 1) - max(self.told.get(run_id, 0), 1), 0)

    def seconds(self, machine: Machine, search: SearchFields, max_concurrent: int, *, searched: bool = True) -> float:
        """Wall clock on a machine, with or without the searches. Raises UnplaceableError for too large a run."""
        left = {
            run_id: self.runs_left(run_id) + (self.trials_left(run_id) if searched else 0) for run_id in self.plan.nodes
        }
        return simulate_searches(
            self.plan.nodes, left, [machine], parallel=search.parallel, max_concurrent=max_concurrent
        )


def look_at(plan: Plan, search: SearchFields, store: LocalStore) -> Outlook:
    """The outlook of a plan; writes nothing. Raises ValueError as `trials_of` does."""
    trials = trials_of(plan, search, store.root, keep=False)
    told: dict[str, int] = {}
    winners = {}
    for study in read_searches(store.root) if trials else ():
        node_id = str(study.get("node", ""))
        told[node_id] = sum(trial["state"] != "running" for trial in study["trials"])
        if told[node_id] >= trials.get(node_id, 0) > 0 and store.is_finished(study["winner"]):
            winners[node_id] = store.record(study["winner"]).spec
    resolved = resolve(plan, winners)
    ids = dict(zip(plan.nodes, resolved.nodes, strict=True))
    return Outlook(
        plan=resolved,
        states=run_states(resolved, store),
        trials={ids[node_id]: number for node_id, number in trials.items()},
        told={ids[node_id]: told.get(node_id, 0) for node_id in trials},
    )


def clusters(cluster: ClusterFields, plan: Plan) -> dict[str, Machine]:
    """In words -> the machine to tell the wall clock of: this one, or, for a cluster elsewhere, two sizes of one."""
    on_gpus = any(node.share.gpus for node in plan.nodes.values())
    if not cluster.address:
        cores, gpus = os.cpu_count() or 1, _num_gpus() if on_gpus else 0
        return {f"{gpus} GPUs and {cores} cores" if gpus else f"{cores} cores": _machine(cores, gpus)}
    return {f"{gpus} GPU{'s' * (gpus > 1)}": _machine(_CORES_PER_GPU * gpus, gpus) for gpus in (1, 8) if on_gpus}


def _machine(cpus: int, gpus: int) -> Machine:
    return Machine(name="here", cpus=cpus, gpus=gpus)


def _num_gpus() -> int:
    """GPUs that programs see, asked without loading a driver; at least 1, since the plan has found one."""
    if visible := os.environ.get("CUDA_VISIBLE_DEVICES", ""):
        return len(visible.split(","))
    return max(len(list(Path("/dev").glob("nvidia[0-9]*"))), 1)

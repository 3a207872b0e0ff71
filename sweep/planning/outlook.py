"""Outlook: what a plan and its searches still need, from the store alone, and how long that takes."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from sweep.graph.capacity import Machine
from sweep.graph.faults import NONE, Change, Faults
from sweep.graph.simulation import Watch, simulate
from sweep.graph.timetable import Timetable
from trainables.ledger.artefacts import ENCODER
from trainables.ledger.plan import Plan, resolve
from trainables.ledger.standing import Standing, run_states
from trainables.ledger.states import State
from trainables.ledger.store import Store


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """A plan with what is known of its searches. Ids are those of `plan`, where a winner stands for its node.

    Attributes:
        plan: with the winners of the searches that have ended.
        states: run id -> where it stands.
        told: run id -> trials that have ended, for runs that are searched.
        removed: finished runs whose encoder was removed.
    """

    plan: Plan
    states: Mapping[str, Standing]
    told: Mapping[str, int]
    removed: Collection[str] = ()

    @cached_property
    def again(self) -> tuple[str, ...]:
        """Finished runs whose encoder was removed and is needed again, so that they are computed again."""
        needed: set[str] = set()
        for run_id, node in reversed(list(self.plan.nodes.items())):
            if self.needs(run_id) or (run_id in needed and run_id in self.removed):
                needed.update(node.parents)
        return tuple(run_id for run_id in self.plan.nodes if run_id in needed and run_id in self.removed)

    def needs(self, run_id: str) -> bool:
        """Whether a run, or its search, has something left to do."""
        return bool(self.runs_left(run_id) or self.trials_left(run_id))

    @property
    def is_searched(self) -> bool:
        """Whether any run is."""
        return bool(self.told)

    def runs_left(self, run_id: str) -> int:
        """1 while the run itself has no record: what the grid needs of it."""
        return int(self.states[run_id].state is not State.DONE)

    def trials_left(self, run_id: str) -> int:
        """Further runs that its search needs."""
        return max(self.plan.nodes[run_id].trials - max(self.told.get(run_id, 0), 1), 0)

    def left(self, run_id: str, *, searched: bool = True) -> int:
        """Runs of a node that are still computed: its own, those of its search, and once more for its encoder."""
        further = self.trials_left(run_id) if searched else 0
        return self.runs_left(run_id) + further + (run_id in self.again)

    def in_a_row(self, run_id: str, parallel: int, *, searched: bool = True) -> int:
        """How many of these runs come one after another, when so many of a search run at a time."""
        return math.ceil(self.left(run_id, searched=searched) / parallel)

    def simulate(
        self,
        machines: Sequence[Machine],
        *,
        parallel: int,
        max_concurrent: int,
        searched: bool = True,
        seconds: Mapping[str, float] | None = None,
        watch: Watch | None = None,
        faults: Faults = NONE,
        changes: Sequence[Change] = (),
    ) -> Timetable:
        """What is left, run on paper, with or without the searches.

        `seconds` are true durations by run where they are not the costs that are planned with; `faults` and `changes`
        of the cluster are what goes wrong. Raises UnplaceableError for a run that no machine can hold.
        """
        left = {
            run_id: self.runs_left(run_id) + (self.trials_left(run_id) if searched else 0) for run_id in self.plan.nodes
        }
        held = [run_id for run_id in self.plan.nodes if not self.runs_left(run_id)]
        return simulate(
            self.plan, machines, left=left, parallel=parallel, seconds=seconds, max_concurrent=max_concurrent,
            held=held, lacks=self.removed, watch=watch, faults=faults, changes=changes,
        )  # fmt: skip


def look_at(plan: Plan, store: Store) -> Outlook:
    """The outlook of a plan; writes nothing."""
    searched = [node_id for node_id, node in plan.nodes.items() if node.is_searched]
    told = dict.fromkeys(searched, 0)
    winners = {}
    for study in store.studies() if searched else ():
        if study.node in told:
            told[study.node] = sum(trial.has_ended for trial in study.trials)
            if told[study.node] >= plan.nodes[study.node].trials and store.is_finished(study.winner):
                winners[study.node] = store.record(study.winner).spec
    resolved = resolve(plan, winners)
    ids = dict(zip(plan.nodes, resolved.nodes, strict=True))
    return Outlook(
        plan=resolved,
        states=run_states(resolved, store),
        told={ids[node_id]: number for node_id, number in told.items()},
        removed=frozenset(run_id for run_id in store.removed_ids() if ENCODER in store.removed(run_id)),
    )

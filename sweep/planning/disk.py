"""Disk: how many bytes a store takes while a sweep runs, by simulation of the graph and of what it removes.

What a run leaves is its footprint; what is there is measured. Of runs that are still to come each is taken to be better
than those before it: of every target one model stays beside those that may still beat it, whichever that is.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from sweep.graph.capacity import Machine
from sweep.graph.graph import Graph
from sweep.graph.retention import Removal, Retention
from sweep.planning.outlook import Outlook
from sweep.planning.retained import Score, dev_score, retention_of
from trainables.ledger.artefacts import Keep
from trainables.ledger.cells import Cell
from trainables.ledger.plan import Plan
from trainables.ledger.removed import REMOVABLE
from trainables.ledger.store import Store

_ABOVE_ALL = 1000.0
"""More than any score, which is percent."""


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """Bytes of a store: now, at the most, and at the end; and what is free on its disk now."""

    held: int
    peak: int
    end: int
    free: int

    @property
    def lacking(self) -> int:
        """How much more is needed at the peak than is free; 0 where it suffices."""
        return max(self.peak - self.held - self.free, 0)


class Usage:
    """Follows a simulated sweep, event by event: bytes now, and at the most.

    `writers` is how many runs write a checkpoint at the same time: the next one stands beside the last until it is
    complete.
    """

    def __init__(
        self, plan: Plan, retention: Retention | None, held: int, models: Mapping[str, int], writers: int = 0
    ) -> None:
        self.now = self.peak = held
        self._writers = writers
        self._plan = plan
        self._retention = retention
        self._models = dict(models)
        self._work: dict[str, int] = {}

    def began(self, graph: Graph) -> None:
        """What is not needed goes at the start."""
        if self._retention:
            self._remove(self._retention.look(graph))

    def started(self, graph: Graph, run_id: str, seconds: float) -> None:
        """Its checkpoints take room while it runs."""
        self._work[run_id] = self._plan.nodes[graph.node_of(run_id)].footprint.work
        self._take(self._work[run_id])

    def ended(self, graph: Graph, run_id: str) -> None:
        """What it leaves comes before its checkpoint goes, and before others that it replaces."""
        footprint = self._plan.nodes[graph.node_of(run_id)].footprint
        self._models[run_id] = footprint.model
        self._take(footprint.model + footprint.rest)
        self.now -= self._work.pop(run_id)
        if self._retention:
            self._remove(self._retention.after(graph, run_id))

    def _take(self, num_bytes: int) -> None:
        self.now += num_bytes
        beside = sum(heapq.nlargest(self._writers, self._work.values()))
        self.peak = max(self.peak, self.now + beside)

    def _remove(self, removals: list[Removal]) -> None:
        self.now -= sum(self._models.pop(removal.run_id, 0) for removal in removals)


def forecast(
    outlook: Outlook,
    store: Store,
    keep: Keep,
    machines: Sequence[Machine],
    *,
    parallel: int,
    max_concurrent: int,
    once: int = 0,
    writers: int = 0,
) -> Forecast:
    """The bytes of a store while the plan is run on these machines.

    `once` is what the first model of a store adds; `writers` write a checkpoint at the same time. Raises
    UnplaceableError for a run that is too large.
    """
    plan = outlook.plan
    held = store.taken_bytes()
    adds = 0 if store.tokenizers.exists() or not any(node.footprint.model for node in plan.nodes.values()) else once
    retention = retention_of(plan, plan, keep, store, score=later_is_better(store, plan, set(store.run_ids())))
    models = {run_id: size for run_id in plan.nodes if (size := _model_bytes(store, run_id))}
    usage = Usage(plan, retention, held + adds * any(map(outlook.needs, plan.nodes)), models, writers)
    outlook.simulate(machines, parallel=parallel, max_concurrent=max_concurrent, watch=usage)
    return Forecast(held=held, peak=usage.peak, end=usage.now, free=store.free_bytes())


def later_is_better(store: Store, plan: Plan, recorded: Collection[str]) -> Score:
    """Scores of runs that are recorded; of any other a better one each time it is asked for."""
    known, later = dev_score(store, plan), count()

    def score(run_id: str, cell: Cell, beside: str) -> float | None:
        return known(run_id, cell, beside) if run_id in recorded else _ABOVE_ALL + next(later)

    return score


def _model_bytes(store: Store, run_id: str) -> int:
    """What is there of the model of a run, but for what it shares with others."""
    return sum(store.unshared_bytes(run_id, name) for name in REMOVABLE)

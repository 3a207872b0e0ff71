"""Remover: removes what a sweep does not need any more, beside the sweep, which it can neither hold up nor end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from sweep.cluster.summary import resolved
from sweep.graph.graph import Graph
from sweep.graph.races import Races
from sweep.graph.retention import Removal, Retention
from sweep.planning.retained import retention_of
from trainables.ledger.artefacts import Keep
from trainables.ledger.errors import MissingRunError
from trainables.ledger.record import BrokenRecordError
from trainables.ledger.removed import REMOVABLE
from trainables.ledger.states import State
from trainables.ledger.store import Store

log = logging.getLogger(__name__)


class Remover:
    """Removes encoders, models and working folders as `Retention` says, on a thread of its own.

    What goes wrong (a full disk, one that is read-only) is logged, and the next start tries again.
    """

    def __init__(self, store: Store, keep: Keep, races: Races | None = None) -> None:
        self._store = store
        self._keep = keep
        self._races = races
        self._retention: Retention | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="removals")

    def begin(self, graph: Graph) -> None:
        """Finish what a killed driver has left half-removed, and remove what it did not get to.

        The first is done when this returns: no run has started yet that may be computing what was removed.
        """
        self._safely(self._store.finish_removals)
        races = self._races
        self._retention = retention_of(
            graph.plan, resolved(graph), self._keep, self._store,
            dropped=(lambda: races.record.decisions) if races else tuple,
        )  # fmt: skip
        self._ask(lambda retention: retention.look(graph))

    def after(self, graph: Graph, run_id: str) -> None:
        """Remove what may go since a run has ended."""
        self._ask(lambda retention: retention.after(graph, run_id))

    def end(self, graph: Graph | None) -> None:
        """Remove what nothing will go on from, and wait until all is removed."""
        if graph:
            self._ask(lambda retention: retention.look(graph))
            self._do(lambda: self._clear(graph))
        self._thread.shutdown()

    def _ask(self, ask: Callable[[Retention], list[Removal]]) -> None:
        if self._retention is None:
            return
        try:
            removals = ask(self._retention)
        except Exception:
            log.exception("it cannot be told what the sweep needs, so nothing more is removed")
            self._retention = None
            return
        for removal in removals:
            self._do(lambda removal=removal: self._remove(removal))  # type: ignore[misc]

    def _remove(self, removal: Removal) -> None:
        for name in REMOVABLE:
            if self._store.holds(removal.run_id, name):
                self._store.remove(removal.run_id, name, removal.why)

    def _clear(self, graph: Graph) -> None:
        """Remove the working folders of runs that no later start goes on with."""
        for run_id in _given_up(graph, self._store):
            if not self._store.is_computed(run_id):
                self._store.discard(run_id)

    def _do(self, remove: Callable[[], object]) -> None:
        self._thread.submit(self._safely, remove)

    def _safely(self, remove: Callable[[], object]) -> None:
        try:
            remove()
        except (OSError, MissingRunError, BrokenRecordError) as error:
            log.warning("cannot remove what is not needed any more from %s: %s", self._store, error)
        except Exception:
            log.exception("cannot remove what is not needed any more from %s", self._store)


def _given_up(graph: Graph, store: Store) -> list[str]:
    """Runs that no later start goes on with: pruned, diverged, dropped by a race, withdrawn."""
    dropped = [node_id for node_id in graph.plan.nodes if graph.state(node_id) is State.DROPPED]
    at_rest = [run_id for run_id in graph.runs if run_id not in graph.live]
    never = [run_id for run_id in at_rest if graph.end(run_id) is State.RUNNING and graph.trials_of(run_id).is_complete]
    pruned = [run_id for run_id in at_rest if graph.end(run_id) is State.PRUNED or store.diverged(run_id)]
    return [*dropped, *never, *pruned]

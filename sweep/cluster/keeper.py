"""Keeper: writes what the searches and races of a sweep have found, while it runs."""

from __future__ import annotations

import logging

from sweep.cluster.summary import resolved
from sweep.graph.graph import Graph
from sweep.graph.races import Races
from trainables.ledger.store import Store

log = logging.getLogger(__name__)


class Keeper:
    """Writes what searches and races have found, so that `status` and the report see the truth also when this driver is
    killed.
    """

    def __init__(self, store: Store, races: Races | None) -> None:
        self.races = races
        self._store = store

    def note(self, graph: Graph) -> None:
        """Write as `keep` does. A full disk ends no sweep."""
        try:
            self.keep(graph)
        except OSError as error:
            log.warning("cannot note the winners in %s: %s", self._store, error)

    def keep(self, graph: Graph) -> None:
        """Write the plan with the winners so far, the searches and the race; raises OSError where that cannot be."""
        if any(node.is_searched for node in graph.plan.nodes.values()):
            self._store.save_plan(resolved(graph))
            opened = (graph.trials[node_id] for node_id in graph.plan.nodes if node_id in graph.trials)
            self._store.save_studies([found for trials in opened if (found := trials.result())])
        if self.races:
            self.races.keep(graph)

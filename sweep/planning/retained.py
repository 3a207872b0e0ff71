"""What a sweep keeps of its runs, made from a plan and a store: for the driver, and on paper."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from functools import lru_cache

from analysis.scores.headings import AnalysisError
from analysis.selection.averages import TaskScore, score_of
from sweep.graph.retention import Retention, named_by
from trainables.ledger.artefacts import Keep
from trainables.ledger.cells import Row
from trainables.ledger.errors import LedgerError, MissingRunError
from trainables.ledger.plan import Plan
from trainables.ledger.record import Record
from trainables.ledger.store import Store
from trainables.tasks.registry import task

log = logging.getLogger(__name__)

Score = Callable[[str, str], float | None]
"""(run id, target) -> dev score of a finished run; None where it is not whole."""


def retention_of(
    plan: Plan,
    resolved: Plan,
    keep: Keep,
    store: Store,
    *,
    score: Score | None = None,
    dropped: Callable[[], Collection[tuple[Row, str]]] = tuple,
) -> Retention | None:
    """What may go of the runs of a plan; None where all stays: for `keep: all`, which reads nothing, and where a plan
    of another sweep cannot be read, which may need it all.

    `resolved` is the plan with the winners so far. Runs that plans of other sweeps name stay, but for plans of which
    this one has everything: a sweep that has grown.
    """
    if keep is Keep.ALL:
        return None
    try:
        others = [store.plan(sweep) for sweep in store.sweeps() if sweep != plan.sweep]
    except LedgerError as error:
        log.warning("no encoder and no model is removed, since another sweep may need it: %s", error)
        return None
    named = [named_by(other) for other in others if not _is_part(other, resolved)]
    elsewhere: frozenset[str] = frozenset().union(*named)
    return Retention(plan, keep, score or dev_score(store), elsewhere=elsewhere, dropped=dropped)


def dev_score(store: Store) -> Score:
    """The score on the split that selects, from the record."""
    record: Callable[[str], Record] = lru_cache(maxsize=1)(store.record)

    def score(run_id: str, target: str) -> float | None:
        try:
            found = score_of(record(run_id), target, task(target).selection_split)
        except (AnalysisError, ValueError, MissingRunError):
            return None
        return found.value if isinstance(found, TaskScore) else None

    return score


def _is_part(other: Plan, plan: Plan) -> bool:
    return other.nodes.keys() <= plan.nodes.keys() and other.cells.items() <= plan.cells.items()

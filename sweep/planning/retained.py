"""What a sweep keeps of its runs, made from a plan and a store: for the driver, and on paper."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from functools import cache, lru_cache

from analysis.scores.headings import AnalysisError
from analysis.scores.lineage import Seen, seen_of_plan
from analysis.selection.averages import Gap, TaskScore, score_of
from sweep.graph.retention import Retention, named_by
from trainables.ledger.artefacts import Keep
from trainables.ledger.cells import Cell, Row
from trainables.ledger.errors import LedgerError, MissingRunError
from trainables.ledger.plan import Plan
from trainables.ledger.record import Record
from trainables.ledger.store import Store
from trainables.tasks.registry import task

log = logging.getLogger(__name__)

Score = Callable[[str, Cell, str], float | None]
"""(run id, cell, the baseline's run beside it) -> dev score of a finished run; None where it is not whole, or where it
needs the baseline's and there is none.
"""


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
    return Retention(plan, keep, score or dev_score(store, plan), elsewhere=elsewhere, dropped=dropped)


def dev_score(store: Store, plan: Plan) -> Score:
    """The score on the split that selects, from the record, as rows are compared by it (`Results.comparable`)."""
    record: Callable[[str], Record] = lru_cache(maxsize=2)(store.record)
    seen: Callable[[], Mapping[Cell, Seen]] = cache(lambda: seen_of_plan(plan))

    def whole(run_id: str, target: str) -> TaskScore | Gap:
        return score_of(record(run_id), target, task(target).selection_split)

    def score(run_id: str, cell: Cell, beside: str) -> float | None:
        try:
            found = whole(run_id, cell.target)
            before = seen()[cell].before
            if before and isinstance(found, TaskScore):
                from analysis.selection.results import comparable  # late: pandas, for rows that have seen labels alone

                found = found.without(before)
                baseline = whole(beside, cell.target) if beside else None
                compared = comparable(found, baseline)
            else:
                compared = found.value if isinstance(found, TaskScore) else found
        except (AnalysisError, ValueError, MissingRunError):
            return None
        return None if isinstance(compared, Gap) else compared

    return score


def _is_part(other: Plan, plan: Plan) -> bool:
    return other.nodes.keys() <= plan.nodes.keys() and other.cells.items() <= plan.cells.items()

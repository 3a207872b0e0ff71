"""One sweep out of a store: its runs, what became of every cell, what was selected; for report and submission."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analysis.scores.headings import AnalysisError
from analysis.scores.load import Run, load_usable
from analysis.scores.sweeps import one_run_per_cell, one_sweep, where
from analysis.selection.results import Results, collect
from analysis.selection.selection import Selection, select
from trainables.ledger.cells import Cell
from trainables.ledger.errors import LedgerError
from trainables.ledger.plan import Plan
from trainables.ledger.race import RaceRecord
from trainables.ledger.standing import Standing, cell_states
from trainables.ledger.states import State
from trainables.ledger.store import Store


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """One sweep as its store has it.

    Attributes:
        id: of its plan; empty where all runs of the store are taken.
        runs: finished and usable.
        unusable: id of a finished run that is left out -> why.
        race: what its race has decided.
        results: every cell.
        selections: by target.
    """

    id: str
    runs: tuple[Run, ...]
    unusable: Mapping[str, str]
    race: RaceRecord | None
    results: Results
    selections: Mapping[str, Selection]


def gather(store: Store, plan: Plan | None = None, conditions: Sequence[str] = ()) -> Sweep:
    """The sweep of a plan, or of all runs of a store.

    Raises AnalysisError where there is no usable run and no plan, for runs of several sweeps and for conditions that
    cannot be met; LedgerError for another file of the store that cannot be read.
    """
    rows = {run_id: node.row for run_id, node in plan.nodes.items()} if plan else None
    loaded = load_usable(store, rows, rows)
    runs = where(loaded.runs, conditions)
    (one_run_per_cell if plan else one_sweep)(runs)
    if not runs and not plan:
        reasons = "".join(f"\n  run {run_id}: {why}" for run_id, why in loaded.unusable.items())
        raise AnalysisError(f"there is no finished run that can be used{reasons}")
    race = store.race(plan.sweep if plan else "")
    known = plan or _last_plan(store, conditions)
    results = collect(
        runs, cell_states(plan, store) if plan else None, race, _standings(known, loaded.unusable) if known else None
    )
    return Sweep(
        id=plan.sweep if plan else "",
        runs=tuple(runs),
        unusable=loaded.unusable,
        race=race,
        results=results,
        selections=select(results),
    )


def _last_plan(store: Store, conditions: Sequence[str]) -> Plan | None:
    """The plan that says which cells the runs of a whole store serve; with conditions they may be of another sweep."""
    if conditions or not store.has_plan:
        return None
    try:
        return store.plan()
    except LedgerError:
        return None  # without it, runs that cannot be used have no cell, and are listed all the same


def _standings(plan: Plan, unusable: Mapping[str, str]) -> dict[Cell, Standing]:
    """Cells whose run cannot be used: blocked where that is for the sake of the run it starts from."""
    return {
        cell: Standing(State.BLOCKED if _blocked(plan, run_id, unusable) else State.FAILED, unusable[run_id])
        for cell, run_id in plan.cells.items()
        if run_id in unusable
    }


def _blocked(plan: Plan, run_id: str, unusable: Mapping[str, str]) -> bool:
    return any(parent in unusable for parent in plan.nodes[run_id].parents)

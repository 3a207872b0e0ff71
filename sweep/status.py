"""Status: where every run and cell of a plan stands, from the store alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum

from analysis.cells import RACE_FILE, CellKey
from search_spaces.grid import Cell
from sweep.nodes import Plan
from trainables.store import LocalStore, Store


class State(StrEnum):
    """Where a run or cell stands when nothing is running."""

    DONE = "done"
    """Its record exists."""
    FAILED = "failed"
    """Its last attempt failed."""
    BLOCKED = "blocked"
    """A run that it starts from failed."""
    NO_DATA = "no data"
    """Its rows are missing; it cannot be computed here."""
    DROPPED = "dropped"
    """A race has dropped it; it is not needed."""
    PENDING = "pending"
    """Not finished yet."""


TROUBLED = (State.FAILED, State.BLOCKED)


def run_states(plan: Plan, store: Store) -> dict[str, tuple[State, str]]:
    """Run id -> state and, for failed and blocked runs, the reason."""
    states: dict[str, tuple[State, str]] = {}
    recorded = set(store.run_ids())
    dropped = _dropped(plan, store)
    for run_id, node in plan.nodes.items():
        if run_id in recorded and store.is_finished(run_id):
            states[run_id] = (State.DONE, "")
            continue
        if run_id in dropped:
            states[run_id] = (State.DROPPED, dropped[run_id])
            continue
        troubled = [parent for parent in node.parents if parent in states and states[parent][0] in TROUBLED]
        if troubled:
            state, reason = states[troubled[0]]
            blocker = f"{plan.nodes[troubled[0]].name} failed: {reason}" if state is State.FAILED else reason
            states[run_id] = (State.BLOCKED, blocker)
        elif reason := store.failure(run_id):
            states[run_id] = (State.FAILED, reason)
        else:
            states[run_id] = (State.PENDING, "")
    return states


def cell_states(plan: Plan, store: Store) -> dict[Cell, tuple[State, str]]:
    """Cell -> state and reason, for every cell of the plan."""
    runs, dropped = run_states(plan, store), _dropped_cells(store)
    return {
        cell: (State.DROPPED, dropped[_key(cell)])
        if _key(cell) in dropped and runs[run_id][0] is not State.DONE
        else runs[run_id]
        for cell, run_id in plan.cells.items()
    } | {cell: (State.NO_DATA, reason) for cell, reason in plan.without_data.items()}


def _dropped(plan: Plan, store: Store) -> dict[str, str]:
    """Run id -> reason, of runs all of whose cells, or of those that start from them, a race has dropped."""
    cells = _dropped_cells(store)
    reasons: dict[str, list[str]] = {}
    for cell, run_id in plan.cells.items() if cells else ():
        for served in (run_id, *plan.nodes[run_id].parents):
            reasons.setdefault(served, []).append(cells.get(_key(cell), ""))
    return {run_id: "; ".join(dict.fromkeys(found)) for run_id, found in reasons.items() if all(found)}


def _dropped_cells(store: Store) -> dict[CellKey, str]:
    """Cells that a race has dropped, with the reason. Raises AnalysisError for a record that cannot be read."""
    if not isinstance(store, LocalStore) or not (store.root / RACE_FILE).exists():
        return {}
    from analysis.races import read_race

    found = read_race(store.root)
    return found.cells if found else {}


def _key(cell: Cell) -> CellKey:
    return CellKey(cell.intermediate, cell.mlm, cell.target, cell.seed)


def finished_runs(plan: Plan, store: Store) -> set[str]:
    """Ids of the runs of the plan, and of runs outside it that they start from, whose record exists."""
    recorded = set(store.run_ids())
    wanted = set(plan.nodes).union(*(node.parents for node in plan.nodes.values()))
    return {run_id for run_id in wanted & recorded if store.is_finished(run_id)}


def tally(states: Mapping[object, tuple[State, str]]) -> dict[State, int]:
    """How many there are in each state, zeros included."""
    counts = Counter(state for state, _ in states.values())
    return {state: counts[state] for state in State}

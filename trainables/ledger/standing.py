"""Standing: where every run and cell of a plan stands, from the store alone."""

from __future__ import annotations

from typing import NamedTuple

from trainables.ledger.artefacts import ENCODER
from trainables.ledger.cells import Cell
from trainables.ledger.plan import Plan
from trainables.ledger.records import RECOMPUTED
from trainables.ledger.states import State
from trainables.ledger.store import Store

BROKEN = f"its record cannot be read; {RECOMPUTED}"
_TROUBLED = (State.FAILED, State.BLOCKED)


class Standing(NamedTuple):
    """A state and, where it needs one, the reason."""

    state: State
    reason: str = ""


def finished_runs(plan: Plan, store: Store) -> set[str]:
    """Ids of the runs of a plan, and of runs outside it that they start from, whose record can be read."""
    wanted = set(plan.nodes).union(*(node.parents for node in plan.nodes.values()))
    return {run_id for run_id in wanted.intersection(store.run_ids()) if store.is_finished(run_id)}


def run_states(plan: Plan, store: Store) -> dict[str, Standing]:
    """Run id -> where it stands when nothing is running."""
    states: dict[str, Standing] = {}
    recorded = set(store.run_ids())
    dropped = _dropped(plan, store)
    for run_id, node in plan.nodes.items():
        if run_id in recorded:
            trouble = store.damage(run_id) if store.is_finished(run_id) else BROKEN
            states[run_id] = Standing(State.FAILED, trouble) if trouble else Standing(State.DONE)
            continue
        if run_id in dropped:
            states[run_id] = Standing(State.DROPPED, dropped[run_id])
            continue
        if lost := _lost_parent(node.parents, recorded, store):
            states[run_id] = Standing(State.BLOCKED, lost)
            continue
        troubled = [parent for parent in node.parents if parent in states and states[parent].state in _TROUBLED]
        if troubled:
            state, reason = states[troubled[0]]
            blocker = f"{plan.nodes[troubled[0]].name} failed: {reason}" if state is State.FAILED else reason
            states[run_id] = Standing(State.BLOCKED, blocker)
        elif reason := store.failure(run_id):
            states[run_id] = Standing(State.FAILED, reason)
        else:
            states[run_id] = Standing(State.PENDING)
    return states


def cell_states(plan: Plan, store: Store) -> dict[Cell, Standing]:
    """Cell -> where it stands, for every cell of the plan."""
    runs, dropped = run_states(plan, store), _dropped_cells(plan, store)
    return {
        cell: Standing(State.DROPPED, dropped[cell])
        if cell in dropped and runs[run_id].state is not State.DONE
        else runs[run_id]
        for cell, run_id in plan.cells.items()
    } | {cell: Standing(State.NO_DATA, reason) for cell, reason in plan.without_data.items()}


def _lost_parent(parents: tuple[str, ...], recorded: set[str], store: Store) -> str:
    """Why a run cannot start whose parent is finished: its encoder was removed, and the next attempt at it failed."""
    for parent in recorded.intersection(parents):
        if (reason := store.failure(parent)) and ENCODER in store.removed(parent):
            name = store.record(parent).name if store.is_finished(parent) else parent
            return f"the encoder of {name} was removed and could not be computed again: {reason}"
    return ""


def _dropped(plan: Plan, store: Store) -> dict[str, str]:
    """Run id -> reason, of runs all of whose cells, or of those that start from them, a race has dropped."""
    cells = _dropped_cells(plan, store)
    reasons: dict[str, list[str]] = {}
    for cell, run_id in plan.cells.items() if cells else ():
        for served in (run_id, *plan.upstream(run_id)):
            reasons.setdefault(served, []).append(cells.get(cell, ""))
    return {run_id: "; ".join(dict.fromkeys(found)) for run_id, found in reasons.items() if all(found)}


def _dropped_cells(plan: Plan, store: Store) -> dict[Cell, str]:
    """Cells that a race has dropped, with the reason. Raises LedgerError for a record that cannot be read."""
    race = store.race(plan.sweep)
    return race.cells if race else {}

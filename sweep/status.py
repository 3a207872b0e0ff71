"""Status: where every run and cell of a plan stands, from the store alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum

from search_spaces.grid import Cell
from sweep.nodes import Plan
from trainables.store import Store


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
    PENDING = "pending"
    """Not finished yet."""


TROUBLED = (State.FAILED, State.BLOCKED)


def run_states(plan: Plan, store: Store) -> dict[str, tuple[State, str]]:
    """Run id -> state and, for failed and blocked runs, the reason."""
    states: dict[str, tuple[State, str]] = {}
    recorded = set(store.run_ids())
    for run_id, node in plan.nodes.items():
        if run_id in recorded and store.is_finished(run_id):
            states[run_id] = (State.DONE, "")
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
    runs = run_states(plan, store)
    return {cell: runs[run_id] for cell, run_id in plan.cells.items()} | {
        cell: (State.NO_DATA, reason) for cell, reason in plan.without_data.items()
    }


def finished_runs(plan: Plan, store: Store) -> set[str]:
    """Ids of the runs of the plan, and of runs outside it that they start from, whose record exists."""
    recorded = set(store.run_ids())
    wanted = set(plan.nodes).union(*(node.parents for node in plan.nodes.values()))
    return {run_id for run_id in wanted & recorded if store.is_finished(run_id)}


def tally(states: Mapping[object, tuple[State, str]]) -> dict[State, int]:
    """How many there are in each state, zeros included."""
    counts = Counter(state for state, _ in states.values())
    return {state: counts[state] for state in State}

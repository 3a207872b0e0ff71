"""A look at a store from outside: where its sweep stands, who drives it, what runs and what ended last."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import NamedTuple

from sweep.terminal.pulse import is_alive
from trainables.ledger.alive import Driver, LiveRun
from trainables.ledger.cells import Cell
from trainables.ledger.errors import LedgerError
from trainables.ledger.plan import Plan
from trainables.ledger.records import FileState
from trainables.ledger.standing import Standing, cell_states, run_states
from trainables.ledger.states import State
from trainables.ledger.store import Store

LAST_ENDS = 3
"""Runs that are named among those that ended last."""
_NANO = 1e-9


class End(NamedTuple):
    """A run that is finished, and when its record was written."""

    name: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Look:
    """What one look at a store has found.

    Attributes:
        states: of the runs of the plan; a search that goes on is pending, although one of its trials has ended.
        cells: likewise.
        is_driven: whether somebody holds the store.
        ends: runs that ended last.
    """

    plan: Plan
    states: Mapping[str, Standing]
    cells: Mapping[Cell, Standing]
    driver: Driver | None
    running: tuple[LiveRun, ...]
    is_driven: bool
    ends: tuple[End, ...]
    now: datetime

    @cached_property
    def is_driven_now(self) -> bool:
        """Whether a driver is at work, here or on another host."""
        return self.is_driven or is_alive(self.driver, here=os.uname().nodename, now=self.now)

    @property
    def is_over(self) -> bool:
        """Whether no driver is at work, and one that comes would have nothing to do but try again what failed."""
        return not self.is_driven_now and not any(found.state is State.PENDING for found in self.states.values())

    @cached_property
    def live(self) -> dict[str, LiveRun]:
        """Runs of the plan, by its ids -> the run that a living driver has for them."""
        if not self.is_driven_now:
            return {}
        ids = list(self.plan.nodes)
        return {ids[run.place]: run for run in self.running if 0 <= run.place < len(ids)}

    def state(self, run_id: str) -> State:
        """Where a run of the plan stands, as the board has it."""
        found = self.states[run_id].state
        if found is not State.PENDING:
            return found
        return State.RUNNING if run_id in self.live else State.WAITING

    @property
    def to_go(self) -> float:
        """Seconds that are left, as the driver expects it; 0 where that is not known."""
        return self.driver.left(self.now) if self.driver and self.is_driven_now else 0.0


class Looker:
    """Looks at one store again and again; what has not changed is not read twice."""

    def __init__(self, store: Store, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.store = store
        self._clock = clock
        self._plan: tuple[FileState | None, Plan] | None = None

    def look(self) -> Look:
        """What the store says now. Raises LedgerError or OSError where it cannot be read, or goes away meanwhile."""
        found = self._look()
        if self.store.plan_state() is None:
            raise LedgerError(f"{self.store} went away while it was looked at")
        return found

    def _look(self) -> Look:
        plan = self._read_plan()
        driver, running, is_driven = self.store.driver(), self.store.running(), self.store.is_driven
        if not is_driven:
            driver = self.store.driver()  # one that has just left in order was not killed
        written = self.store.record_states()
        is_driven_now = is_driven or is_alive(driver, here=os.uname().nodename, now=self._clock())
        searched = _searched(plan, self.store) if is_driven_now else frozenset()
        states, cells = run_states(plan, self.store), cell_states(plan, self.store)
        return Look(
            plan=plan,
            states={run_id: _so_far(found, run_id in searched) for run_id, found in states.items()},
            cells={cell: _so_far(found, plan.cells.get(cell, "") in searched) for cell, found in cells.items()},
            driver=driver,
            running=tuple(run for run in running if not _has_ended(run, written.get(run.run_id))),
            is_driven=is_driven,
            ends=self._ends(plan, written),
            now=self._clock(),
        )

    def _read_plan(self) -> Plan:
        state = self.store.plan_state()
        if self._plan is None or state is None or self._plan[0] != state:
            self._plan = state, self.store.plan()
        return self._plan[1]

    def _ends(self, plan: Plan, written: Mapping[str, FileState]) -> tuple[End, ...]:
        last = sorted(written.items(), key=lambda item: -item[1].changed_ns)[:LAST_ENDS]
        names = [plan.nodes[run_id].name if run_id in plan.nodes else self._name(run_id) for run_id, _ in last]
        return tuple(End(name, _written(state)) for name, (_, state) in zip(names, last, strict=True))

    def _name(self, run_id: str) -> str:
        return self.store.record(run_id).name if self.store.is_finished(run_id) else run_id


def _searched(plan: Plan, store: Store) -> frozenset[str]:
    """Runs of a plan that is being driven whose search has neither a winner nor an end without one.

    What a search has found is written when one ends, so that one of which nothing is written goes on.
    """
    wanted = {run_id: node.trials for run_id, node in plan.nodes.items() if node.is_searched}
    for study in store.studies() if wanted else ():
        for run_id in (study.winner, study.configured, study.node):
            ended = sum(trial.has_ended for trial in study.trials)
            if run_id in wanted and (study.winner or ended >= wanted[run_id]):
                del wanted[run_id]
    return frozenset(wanted)


def _so_far(found: Standing, is_searched: bool) -> Standing:
    """Where a run stands whose record, or failure, may be that of one trial of a search that goes on."""
    return Standing(State.PENDING) if is_searched and found.state in (State.DONE, State.FAILED) else found


def _written(state: FileState) -> datetime:
    return datetime.fromtimestamp(state.changed_ns * _NANO, UTC)


def _has_ended(run: LiveRun, state: FileState | None) -> bool:
    """Whether a run has left a record since its driver noted it; one that is computed again has an earlier one."""
    return state is not None and run.started is not None and _written(state) > run.started

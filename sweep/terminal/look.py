"""A look at a store from outside: where its sweep stands, who drives it, what runs and what ended last."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from sweep.terminal.pulse import is_alive
from trainables.ledger.alive import Driver, LiveRun
from trainables.ledger.cells import Cell
from trainables.ledger.plan import Plan
from trainables.ledger.runs import FileState
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
    """What one look at a store has found; `is_driven` says that somebody holds it."""

    plan: Plan
    states: Mapping[str, Standing]
    cells: Mapping[Cell, Standing]
    driver: Driver | None
    running: tuple[LiveRun, ...]
    is_driven: bool
    ends: tuple[End, ...]
    now: datetime

    @property
    def is_driven_now(self) -> bool:
        """Whether a driver is at work, here or on another host."""
        return self.is_driven or is_alive(self.driver, here=os.uname().nodename, now=self.now)

    @property
    def is_over(self) -> bool:
        """Whether nothing is left that a driver could compute without being started again."""
        return not any(found.state is State.PENDING for found in self.states.values())

    @property
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
        if not self.driver or not self.driver.to_go or not self.is_driven_now:
            return 0.0
        return max(self.driver.to_go - (self.now - self.driver.beat).total_seconds(), 0.0)


class Looker:
    """Looks at one store again and again; what has not changed is not read twice."""

    def __init__(self, store: Store, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.store = store
        self._clock = clock
        self._plan: tuple[FileState | None, Plan] | None = None

    def look(self) -> Look:
        """What the store says now. Raises LedgerError or OSError where it cannot be read."""
        plan = self._read_plan()
        driver, running, is_driven = self.store.driver(), self.store.running(), self.store.is_driven
        if not is_driven:
            driver = self.store.driver()  # one that has just left in order was not killed
        written = self.store.record_states()
        return Look(
            plan=plan,
            states=run_states(plan, self.store),
            cells=cell_states(plan, self.store),
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


def _written(state: FileState) -> datetime:
    return datetime.fromtimestamp(state.changed_ns * _NANO, UTC)


def _has_ended(run: LiveRun, state: FileState | None) -> bool:
    """Whether a run has left a record since its driver noted it; one that is computed again has an earlier one."""
    return state is not None and run.started is not None and _written(state) > run.started

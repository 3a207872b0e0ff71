"""The board: what a sweep looks like while it runs. Pure state and text; `progress.py` draws it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sweep.graph.capacity import Machine
from sweep.planning.remaining import OPEN, Live, Remaining
from sweep.terminal.wording import duration
from trainables.ledger.cells import Cell
from trainables.ledger.plan import Plan
from trainables.ledger.states import State

SYMBOLS = {
    State.WAITING: "·",
    State.READY: "○",
    State.RUNNING: "▶",
    State.DONE: "●",
    State.FAILED: "✗",
    State.BLOCKED: "⊘",
    State.DROPPED: "↓",
    State.NO_DATA: "–",
}
STYLES = {
    State.WAITING: "dim",
    State.READY: "",
    State.RUNNING: "cyan",
    State.DONE: "green",
    State.FAILED: "bold red",
    State.BLOCKED: "red",
    State.DROPPED: "yellow",
    State.NO_DATA: "dim",
}
LOUDEST = (
    State.FAILED, State.RUNNING, State.BLOCKED, State.READY, State.WAITING, State.DROPPED,
    State.DONE, State.NO_DATA,
)  # fmt: skip
"""Which state stands for a place of the matrix that holds several seeds."""
_TELLING = 3
"""Runs that must have ended before it is said how far their estimates were off."""
NARROW = 3
"""Columns of symbols are this wide when the targets' names do not fit."""


class Board:
    """States, percentages and times of all runs of a plan. Times are seconds of any one clock.

    `state` answers the current state of a run of `plan`; `slots` is how many runs the cluster holds at once, at most.
    `remaining` says how long it still takes; not given, each run takes a slot and nothing is searched.
    """

    def __init__(
        self,
        plan: Plan,
        state: Callable[[str], State],
        now: float,
        slots: float,
        *,
        remaining: Remaining | None = None,
    ) -> None:
        self.plan = plan
        self.reasons: dict[str, str] = {}
        self._state = state
        self._started = now
        self._live: dict[str, Live] = {}
        self._remaining = remaining or Remaining(
            plan, lambda: _slots(plan, slots), lambda run_id: int(state(run_id) in OPEN)
        )
        self._rows = list(dict.fromkeys(str(cell.row) for cell in [*plan.cells, *plan.without_data]))
        self._columns = list(dict.fromkeys(cell.target for cell in [*plan.cells, *plan.without_data]))
        self._places: dict[tuple[str, str], list[Cell]] = {}
        for cell in [*plan.cells, *plan.without_data]:
            self._places.setdefault((str(cell.row), cell.target), []).append(cell)
        self._parents = {
            row: list(
                dict.fromkeys(p for c, r in plan.cells.items() if str(c.row) == row for p in plan.nodes[r].parents)
            )
            for row in self._rows
        }

    def start(self, run_id: str, now: float) -> None:
        """A run has begun, for the first time or again."""
        self._live[run_id] = Live(started=now)

    def advance(self, run_id: str, fraction: float, now: float) -> None:
        """A run has done this fraction of its steps."""
        if run_id in self._live:
            self._live[run_id].advance(fraction, now)

    def end(self, run_id: str, now: float, reason: str = "", *, seconds: float = 0.0) -> None:
        """A run has ended; `reason` says why it failed, `seconds` what it took itself by its record."""
        live = self._live.pop(run_id, None)
        if reason:
            self.reasons[run_id] = reason
        elif live:
            self._remaining.end(run_id, seconds or now - live.started)

    def counts(self) -> Counter[str]:
        """Number of runs in each state."""
        return Counter(self._state(run_id) for run_id in self.plan.nodes)

    def eta(self, now: float) -> float:
        """Seconds still to go, by simulating what is left at the pace that runs have shown."""
        return self._remaining.seconds(self._live, now)

    def headline(self, now: float) -> str:
        """One line: how many runs are in which state, time gone and time to go."""
        counts = self.counts()
        parts = [f"{counts[State.DONE]} of {len(self.plan.nodes)} runs done", f"{counts[State.RUNNING]} running"]
        parts += [f"{counts[state]} {state}" for state in (State.FAILED, State.BLOCKED, State.DROPPED) if counts[state]]
        parts.append(f"{duration(now - self._started)} gone")
        if counts[State.RUNNING] or counts[State.READY]:
            parts.append(f"about {duration(self.eta(now))} to go")
        return ", ".join(parts)

    def place(self, row: str, column: str) -> tuple[str, str]:
        """Text and style of one place of the matrix."""
        cells = self._places.get((row, column), [])
        if not cells:
            return "", ""
        return self._mark([self.plan.cells.get(cell, "") for cell in cells])

    def matrix(self, width: int) -> Table:
        """The matrix of cells, at most `width` characters wide; the first column is the intermediate run itself."""
        columns = self._shortened(width - max(map(len, self._rows), default=0) - len("  train"))
        table = Table(box=None, padding=(0, 1), pad_edge=False)
        table.add_column("", no_wrap=True)
        table.add_column("train", justify="right", no_wrap=True)
        for column in columns:
            table.add_column(column, justify="right", no_wrap=True)
        for row in self._rows:
            marks = [self._mark(self._parents[row]) if self._parents[row] else ("", "")]
            marks += [self.place(row, column) for column in self._columns]
            table.add_row(row, *(Text(text, style=style) for text, style in marks))
        return table

    def legend(self) -> str:
        """What the symbols in use mean."""
        used = set(self.counts()) | ({State.NO_DATA} if self.plan.without_data else set())
        return "  ".join(f"{SYMBOLS[state]} {state}" for state in SYMBOLS if state in used and state != State.RUNNING)

    def render(self, width: int, now: float) -> RenderableType:
        """The whole board."""
        lines = [Text(self.legend(), style="dim"), Text(self.headline(now))]
        error = self._remaining.error
        if error and error.runs >= _TELLING:
            lines.append(Text(f"estimates: {error}", style="dim"))
        return Group(self.matrix(width), *lines)

    def _shortened(self, room: int) -> list[str]:
        """The targets' names, the longest cut until all fit."""
        longest = max(map(len, self._columns), default=0)
        widths = range(max(longest, NARROW), NARROW - 1, -1)
        fitting = (each for each in widths if sum(min(len(name), each) + 2 for name in self._columns) <= room)
        width = next(fitting, NARROW)
        return [shorten(name, width) for name in self._columns]

    def _mark(self, run_ids: list[str]) -> tuple[str, str]:
        states = [self._state(run_id) if run_id else State.NO_DATA for run_id in run_ids]
        state = min(states, key=LOUDEST.index)
        text = SYMBOLS[state]
        if state == State.RUNNING:
            fractions = [self._live[run_id].fraction for run_id in run_ids if run_id in self._live]
            text = f"{100 * max(fractions, default=0.0):.0f}%"
        if len(run_ids) > 1:
            text = f"{text} {states.count(State.DONE)}/{len(run_ids)}"
        return text, STYLES[state]


def _slots(plan: Plan, slots: float) -> Sequence[Machine]:
    """A machine of cores alone that holds so many runs of the plan."""
    cpus = max((node.share.cpus for node in plan.nodes.values()), default=1)
    return [Machine(name="slots", cpus=max(round(slots), 1) * cpus)]


def shorten(name: str, width: int) -> str:
    """A name cut to a width."""
    return name if len(name) <= width else name[: max(width - 1, 1)] + "…"

"""A plan in words: what will run, what is done, what cannot run and why, how long it takes, how much disk it needs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from search_spaces.search_fields import SearchFields
from sweep.graph.capacity import Machine
from sweep.planning.disk import Forecast
from sweep.planning.outlook import Outlook
from sweep.terminal.search_description import searches, wall_clock
from sweep.terminal.wording import duration, in_states
from trainables.ledger.cells import Cell
from trainables.ledger.plain import plain
from trainables.ledger.plan import Plan
from trainables.ledger.spec import Phase
from trainables.ledger.standing import cell_states
from trainables.ledger.store import Store
from trainables.model.names import described

_RACING = "race: these figures are the most that can be needed; what is dropped on the way is not run"
_FEW = 4
"""Runs that are named."""
_WORTH_SAYING = 1_000_000
"""Bytes that a store holds; less is not worth a word."""
_SEARCHED = ("search trials", "their work")
"""Columns of a plan with searches: trials beyond the configured runs."""


def describe(
    outlook: Outlook,
    store: Store,
    search: SearchFields,
    machines: Mapping[str, Machine],
    max_concurrent: int = 0,
    *,
    disk: Forecast | None = None,
    racing: bool = False,
) -> Group:
    """The plan as text and tables, for the terminal.

    `machines` are those to tell the wall clock of, by what they are in words.
    """
    return Group(
        *_headline(outlook.plan, store),
        _phases(outlook),
        *searches(outlook, search),
        *_again(outlook),
        *wall_clock(outlook, search, machines, max_concurrent),
        *(_disk(disk, store) if disk else ()),
        *([Text(_RACING)] if racing else ()),
        *_remarks(outlook.plan),
    )


def size_of(num_bytes: float) -> str:
    """For example `2.2 GB`."""
    for unit, name in ((1e12, "TB"), (1e9, "GB")):
        if num_bytes >= unit:
            return f"{num_bytes / unit:.1f} {name}"
    return f"{num_bytes / 1e6:.0f} MB"


def _headline(plan: Plan, store: Store) -> Iterator[RenderableType]:
    states = cell_states(plan, store)
    counts = in_states(states.values())
    seeds = {cell.seed for cell in states}
    yield Text(f"{len(states)} cells, {len(seeds)} seed{'s' * (len(seeds) > 1)}: {counts or 'none'}")
    for encoder in dict.fromkeys(node.spec.encoder for node in plan.nodes.values()):
        yield Text(f"encoder: {plain(described(encoder.name, encoder.revision))}")


def _again(outlook: Outlook) -> Iterator[RenderableType]:
    """Which encoders are computed again."""
    if not (again := [plain(outlook.plan.nodes[run_id].name) for run_id in outlook.again]):
        return
    some = ", ".join(again[:_FEW]) + (f" and {len(again) - _FEW} more" if len(again) > _FEW else "")
    what = "1 encoder that was removed is" if len(again) == 1 else f"{len(again)} encoders that were removed are"
    yield Text(f"{what} computed again: {some}")


def _disk(disk: Forecast, store: Store) -> Iterator[RenderableType]:
    held = f" ({size_of(disk.held)} are there now)" if disk.held >= _WORTH_SAYING else ""
    yield Text(f"disk: {size_of(disk.peak)} at the peak, at most {size_of(disk.end)} at the end{held}")
    if disk.lacking:
        yield Text(
            f"! that is {size_of(disk.lacking)} more than there is: {size_of(disk.free)} are free on the disk of "
            f"{plain(str(store))}. Give another --store, or keep less (--keep none)",
            style="yellow",
        )


def _phases(outlook: Outlook) -> Table:
    """The grid's own runs, and beside them the further runs of their searches."""
    table = Table("phase", box=None, padding=(0, 2, 0, 0))
    for heading in ("runs", "done", "to do", "estimated work", *_SEARCHED * outlook.is_searched):
        table.add_column(heading, justify="right")
    groups: dict[str, tuple[Phase, ...]] = {phase.value: (phase,) for phase in Phase} | {"all": tuple(Phase)}
    for name, phases in groups.items():
        nodes = {run_id: node for run_id, node in outlook.plan.nodes.items() if node.spec.phase in phases}
        left = [node for run_id, node in nodes.items() if outlook.runs_left(run_id)]
        trials = {run_id: outlook.trials_left(run_id) for run_id in nodes}
        work = sum(trials[run_id] * node.cost for run_id, node in nodes.items())
        again = [nodes[run_id] for run_id in outlook.again if run_id in nodes]
        further = (f"{sum(trials.values())}", duration(work)) if outlook.is_searched else ()
        table.add_row(
            name, str(len(nodes)), str(len(nodes) - len(left)), str(len(left)),
            duration(sum(node.cost for node in (*left, *again))), *further, style="bold" if name == "all" else "",
        )  # fmt: skip
    return table


def _remarks(plan: Plan) -> Iterator[RenderableType]:
    for note in plan.notes:
        yield Text(f"note: {plain(note)}")
    reasons: defaultdict[str, list[Cell]] = defaultdict(list)
    for cell, reason in plan.without_data.items():
        reasons[reason].append(cell)
    for reason, cells in reasons.items():
        yield Text(f"no data for {_which(cells)}: {plain(reason)}")


def _which(cells: list[Cell]) -> str:
    """A group of cells in short: by column or by row where it is all one."""
    rows, columns = {str(cell.row) for cell in cells}, {cell.target for cell in cells}
    name = f"{len(cells)} cell{'s' * (len(cells) > 1)}"
    if len(columns) == 1:
        return f"{name} of target {next(iter(columns))}"
    if len(rows) == 1:
        return f"{name} of row {next(iter(rows))}"
    return f"{name} of rows {', '.join(sorted(rows))}"

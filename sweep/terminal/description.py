"""A plan in words: what will run, what is done, what cannot be had and why, what it costs, what would waste money."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from search_spaces.search_fields import SearchFields
from sweep.planning.bill import ALL, Bill
from sweep.planning.cost import Costs
from sweep.planning.outlook import Outlook
from sweep.planning.waste import Caution
from sweep.terminal.bill_description import critical_path, hours_line, wall_clocks
from sweep.terminal.cost_lines import cost_lines
from sweep.terminal.search_description import searches
from sweep.terminal.wording import duration, how_many, in_states
from trainables.ledger.cells import Cell
from trainables.ledger.plain import plain
from trainables.ledger.plan import Plan
from trainables.ledger.standing import cell_states
from trainables.ledger.store import Store
from trainables.ledger.usage import size_of
from trainables.model.names import described

_RACING = "race: these figures are the most that can be needed; what is dropped on the way is not run"
_ESTIMATE = "The work is an estimate for one run at a time, not a promise."
_RANGES = " A run ends within its range in four cases of five; ranges of sums are for runs that are off alike."
_FEW = 4
"""Runs that are named."""
_WORTH_SAYING = 1_000_000
"""Bytes that a store holds; less is not worth a word."""
_SEARCHED = ("search trials", "their work")
"""Columns of a plan with searches: trials beyond the configured runs."""


def describe(
    bill: Bill,
    store: Store,
    search: SearchFields,
    *,
    racing: bool = False,
    remarks: Sequence[str] = (),
    costs: Costs | None = None,
    cautions: Sequence[Caution] = (),
) -> Group:
    """The plan as text and tables, for the terminal; what wastes money comes last, where it is read.

    `costs` is what its estimates stand on, where that is to be said.
    """
    return Group(
        *_headline(bill.plan, store),
        _phases(bill),
        *searches(bill.outlook, search),
        *_again(bill.outlook),
        *hours_line(bill),
        *wall_clocks(bill),
        *critical_path(bill.chains),
        *_disk(bill),
        *([Text(_RACING)] if racing else ()),
        *map(Text, remarks),
        *_remarks(bill.plan),
        Text(_ESTIMATE + _RANGES * bill.hours.is_known, style="dim"),
        *(cost_lines(costs) if costs else ()),
        *(Text(f"! {plain(caution.text)}", style="yellow") for caution in cautions),
    )


def _headline(plan: Plan, store: Store) -> Iterator[RenderableType]:
    states = cell_states(plan, store)
    counts = in_states(states.values())
    seeds = {cell.seed for cell in states}
    yield Text(f"{how_many(len(states), 'cell')}, {how_many(len(seeds), 'seed')}: {counts or 'none'}")
    for encoder in dict.fromkeys(node.spec.encoder for node in plan.nodes.values()):
        yield Text(f"encoder: {plain(described(encoder.name, encoder.revision))}")


def _again(outlook: Outlook) -> Iterator[RenderableType]:
    """Which encoders are computed again."""
    if not (again := [plain(outlook.plan.nodes[run_id].name) for run_id in outlook.again]):
        return
    some = ", ".join(again[:_FEW]) + (f" and {len(again) - _FEW} more" if len(again) > _FEW else "")
    what = "1 encoder that was removed is" if len(again) == 1 else f"{len(again)} encoders that were removed are"
    yield Text(f"{what} computed again: {some}")


def _disk(bill: Bill) -> Iterator[RenderableType]:
    if not (widest := bill.widest) or not (disk := bill.disk):
        return
    held = f" ({size_of(disk.held)} are there now)" if disk.held >= _WORTH_SAYING else ""
    where = f" (on {widest.cluster.words})" if len(bill.clocks) > 1 else ""
    yield Text(f"disk: {size_of(disk.peak)} at the peak{where}, at most {size_of(disk.end)} at the end{held}")


def _phases(bill: Bill) -> Table:
    """The grid's own runs, and beside them the further runs of their searches."""
    table = Table("phase", box=None, padding=(0, 2, 0, 0))
    for heading in ("runs", "done", "to do", "estimated work", *_SEARCHED * bill.outlook.is_searched):
        table.add_column(heading, justify="right")
    rows = [(name, lot, "bold" if name == ALL else "") for name, lot in bill.lots.items()]
    if bill.language_adapters.runs:
        rows.insert(1, ("  language adapters", bill.language_adapters, "dim"))
    for name, lot, style in rows:
        further = (f"{lot.trials}", duration(lot.trial_seconds.expected)) if bill.outlook.is_searched else ()
        table.add_row(
            name, str(lot.runs), str(lot.done), str(lot.runs - lot.done), duration(lot.seconds.expected), *further,
            style=style,
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

"""A plan in words: what will run, what is done, what cannot run and why, how long it takes, how much disk it needs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from search_spaces.encoders import EncoderSize
from search_spaces.grid import Cell
from search_spaces.search_fields import SearchFields
from sweep.cost import encoder_bytes
from sweep.nodes import Plan
from sweep.status import State, cell_states, run_states
from trainables.spec import Phase
from trainables.store import Store

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def describe(plan: Plan, store: Store, size: EncoderSize, search: SearchFields, *, racing: bool = False) -> Group:
    """The plan as text and one table, for the terminal. `size` is that of the encoder."""
    states = run_states(plan, store)
    parts = [*_headline(plan, store), _phases(plan, states, size), *_searches(plan, search)]
    if racing:
        parts.append(Text("race: these figures are the most that can be needed; what is dropped on the way is not run"))
    return Group(*parts, *_remarks(plan))


def duration(seconds: float) -> str:
    """About so long, for example `3.0 min` or `1.5 days`."""
    for unit, name in ((_DAY, "days"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= unit:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds:.0f} s"


def size_of(num_bytes: float) -> str:
    """For example `2.2 GB`."""
    for unit, name in ((1e12, "TB"), (1e9, "GB")):
        if num_bytes >= unit:
            return f"{num_bytes / unit:.1f} {name}"
    return f"{num_bytes / 1e6:.0f} MB"


def _headline(plan: Plan, store: Store) -> Iterator[RenderableType]:
    states = cell_states(plan, store)
    counts = [f"{n} {state.value}" for state in State if (n := sum(found is state for found, _ in states.values()))]
    seeds = {cell.seed for cell in states}
    yield Text(f"{len(states)} cells, {len(seeds)} seed{'s' * (len(seeds) > 1)}: {', '.join(counts) or 'none'}")


def _phases(plan: Plan, states: Mapping[str, tuple[State, str]], size: EncoderSize) -> Table:
    table = Table("phase", box=None, padding=(0, 2, 0, 0))
    for heading in ("runs", "done", "to do", "estimated work", "encoders on disk"):
        table.add_column(heading, justify="right")
    groups: dict[str, tuple[Phase, ...]] = {phase.value: (phase,) for phase in Phase} | {"all": tuple(Phase)}
    for name, phases in groups.items():
        nodes = [node for node in plan.nodes.values() if node.spec.phase in phases]
        left = [node for node in nodes if states[node.run_id][0] is not State.DONE]
        encoders = sum(node.spec.phase is Phase.INTERMEDIATE for node in nodes)
        table.add_row(
            name, str(len(nodes)), str(len(nodes) - len(left)), str(len(left)),
            duration(sum(node.cost for node in left)), size_of(encoders * encoder_bytes(size)) if encoders else "",
            style="bold" if name == "all" else "",
        )  # fmt: skip
    return table


def _searches(plan: Plan, search: SearchFields) -> Iterator[RenderableType]:
    for phase in Phase:
        nodes = [node for node in plan.nodes.values() if node.spec.phase is phase]
        if nodes and (trials := search.trials(phase)):
            work = duration(trials * sum(node.cost for node in nodes))
            yield Text(
                f"search: {trials} trials ({search.sampler}) for each of {len(nodes)} {phase.value} runs; the table"
                f" counts one of them each, all trials are about {work} of work"
            )


def _remarks(plan: Plan) -> Iterator[RenderableType]:
    for note in plan.notes:
        yield Text(f"note: {note}")
    reasons: defaultdict[str, list[Cell]] = defaultdict(list)
    for cell, reason in plan.without_data.items():
        reasons[reason].append(cell)
    for reason, cells in reasons.items():
        yield Text(f"no data for {_which(cells)}: {reason}")
    yield Text("The work is a formula's estimate for one run at a time, not a promise.", style="dim")


def _which(cells: list[Cell]) -> str:
    """A group of cells in short: by column or by row where it is all one."""
    rows, columns = {cell.row for cell in cells}, {cell.target for cell in cells}
    name = f"{len(cells)} cell{'s' * (len(cells) > 1)}"
    if len(columns) == 1:
        return f"{name} of target {next(iter(columns))}"
    if len(rows) == 1:
        return f"{name} of row {next(iter(rows))}"
    return f"{name} of rows {', '.join(sorted(rows))}"

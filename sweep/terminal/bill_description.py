"""The bill of a plan in words: hours, wall clock by cluster, the critical path."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from sweep.planning.amounts import in_hours
from sweep.planning.bill import Bill, WallClock
from sweep.planning.critical_path import Chain, Step
from sweep.planning.span import Span
from sweep.terminal.wording import duration, durations
from trainables.ledger.plain import plain

_BOUND = 1.02
"""A wall clock that is longer than the critical path by no more than this is set by it."""
_NARROW = len("critical")
"""The longest word that a cell of the table has to show whole."""
_WORTH_SAYING = 0.01
"""Hours of work."""


def hours_line(bill: Bill) -> Iterator[RenderableType]:
    """How many hours of GPUs, or of cores, are left to compute."""
    if bill.hours.expected < _WORTH_SAYING:
        return
    span = f" ({in_hours(bill.hours.low)} to {in_hours(bill.hours.high)})" if bill.hours.is_known else ""
    searches = f", {in_hours(bill.search_hours.expected)} of them for searches" if bill.search_hours.expected else ""
    yield Text(f"to compute: {in_hours(bill.hours.expected)} {bill.unit}{span}{searches}")


def wall_clocks(bill: Bill) -> Iterator[RenderableType]:
    """How long it takes: a line for one cluster, a table for several."""
    clocks = [clock for clock in bill.clocks if clock.seconds.expected]
    if len(clocks) == 1:
        yield _line(bill, clocks[0])
    elif clocks:
        yield _table(bill, clocks)
    for clock in bill.clocks:
        if clock.refused:
            yield Text(f"{clock.cluster.words}: {clock.refused}", style="yellow")


def critical_path(chains: Sequence[Chain]) -> Iterator[RenderableType]:
    """The chain that no cluster computes faster, run by run, and those that come next."""
    if not chains:
        return
    first, *others = chains
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    for step in first.steps:
        table.add_row(f"  {duration(step.seconds.expected)}", Text(_name(step)))
    yield Text(f"critical path: {duration(first.seconds.expected)}{_range(first.seconds)}; no cluster is faster")
    yield table
    for chain in others:
        names = ", then ".join(_name(step) for step in chain.steps)
        yield Text(f"  next: {duration(chain.seconds.expected)} for {names}")


def _line(bill: Bill, clock: WallClock) -> Text:
    without = f"; without searches {duration(clock.without_searches)}" if bill.outlook.is_searched else ""
    about = f"about {duration(clock.seconds.expected)}{_range(clock.seconds)}"
    return Text(f"wall clock: {about} on {clock.cluster.words}{without}")


def _table(bill: Bill, clocks: Sequence[WallClock]) -> Table:
    """A row for each cluster; columns that say nothing here are left out. On a narrow terminal words go below words."""
    has_gpus = any(clock.cluster.gpus for clock in clocks)
    has_range = any(clock.seconds.is_known for clock in clocks)
    table = Table(box=None, padding=(0, 2, 0, 0))
    headings = ["wall clock", *["range"] * has_range, *["no searches"] * bill.outlook.is_searched, "busy"]
    table.add_column("cluster", min_width=_NARROW)
    for heading in (*headings, *["paid GPU-hours"] * has_gpus):
        table.add_column(heading, justify="right", min_width=len("busy"), overflow="fold")
    table.add_column("set by", min_width=_NARROW, overflow="fold")
    for clock in clocks:
        found = [clock.cluster.words, duration(clock.seconds.expected)]
        found += [durations(clock.seconds.low, clock.seconds.high) if clock.seconds.is_known else ""] * has_range
        found += [duration(clock.without_searches)] * bill.outlook.is_searched
        found += [f"{clock.busy:.0%}", *[in_hours(clock.paid) if clock.cluster.gpus else ""] * has_gpus]
        table.add_row(*found, _set_by(bill, clock))
    return table


def _set_by(bill: Bill, clock: WallClock) -> str:
    """What makes it last as long: the longest chain, a setting, or that there is no more room."""
    longest = bill.chains[0].seconds.expected if bill.chains else 0.0
    if clock.seconds.expected <= _BOUND * longest:
        return "critical path"
    if clock.is_capped:
        return "max_concurrent"
    return "GPUs" if clock.cluster.gpus and bill.unit == "GPU-hours" else "cores"


def _name(step: Step) -> str:
    times = f" ({step.rounds} one after another)" if step.rounds > 1 else ""
    return f"{plain(step.name)}{times}"


def _range(span: Span) -> str:
    return f" ({durations(span.low, span.high)})" if span.is_known else ""

"""What is wrong with cells and runs: why some failed or are blocked, and how many have collapsed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.console import Console
from rich.text import Text

from trainables.ledger.cells import Cell
from trainables.ledger.plain import plain
from trainables.ledger.plan import Plan
from trainables.ledger.standing import Standing, finished_runs
from trainables.ledger.states import State
from trainables.ledger.store import Store

MOST_REASONS = 10
"""Failures named on the terminal; the report has all."""
LONGEST_REASON = 1000
"""Characters of a reason on the terminal; the store has the rest."""


def show_reasons(states: Mapping[Cell, Standing], console: Console) -> None:
    """Name the first of the cells that failed or are blocked, with their reasons."""
    for line in reason_lines(states):
        console.print(line)


def reason_lines(states: Mapping[Cell, Standing]) -> Iterator[Text]:
    """The first of the cells that failed or are blocked, with their reasons."""
    bad = [(cell, found) for cell, found in states.items() if found.state in (State.FAILED, State.BLOCKED)]
    for cell, found in bad[:MOST_REASONS]:
        name = plain(f"{cell.row} -> {cell.target} #{cell.seed}")
        yield Text(f"{name} {found.state}: {plain(found.reason, LONGEST_REASON)}", style="red")
    if len(bad) > MOST_REASONS:
        yield Text(f"and {len(bad) - MOST_REASONS} more; `status` and the report have all", style="red")


def show_collapsed(plan: Plan, store: Store, console: Console) -> None:
    """Say how many finished runs show signs of collapse, if any do."""
    found = sum(bool(store.record(run_id).findings) for run_id in finished_runs(plan, store))
    if found:
        has = "1 finished run has" if found == 1 else f"{found} finished runs have"
        console.print(Text(f"! {has} collapsed (constant or below the trivial score); the report names them", "yellow"))

"""Why cells failed or are blocked, in red."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.text import Text

from trainables.ledger.cells import Cell
from trainables.ledger.standing import Standing
from trainables.ledger.states import State

MOST_REASONS = 10
"""Failures named on the terminal; the report has all."""


def show_reasons(states: Mapping[Cell, Standing], console: Console) -> None:
    """Name the first of the cells that failed or are blocked, with their reasons."""
    bad = [(cell, found) for cell, found in states.items() if found.state in (State.FAILED, State.BLOCKED)]
    for cell, found in bad[:MOST_REASONS]:
        console.print(Text(f"{cell.row} -> {cell.target} #{cell.seed} {found.state}: {found.reason}", style="red"))
    if len(bad) > MOST_REASONS:
        console.print(Text(f"and {len(bad) - MOST_REASONS} more; `status` and the report have all", style="red"))

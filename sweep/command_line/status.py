"""The command `status`: where the sweep of a store stands; needs neither its data nor Ray."""

from __future__ import annotations

import argparse
import os
from datetime import UTC, datetime

from rich.console import Console
from rich.text import Text

from sweep.command_line.configuration import configure
from sweep.command_line.stores import store_of
from sweep.terminal.board import Board
from sweep.terminal.kept import kept_lines
from sweep.terminal.pulse import driver_lines
from sweep.terminal.reasons import show_collapsed, show_reasons
from sweep.terminal.wording import in_states
from trainables.ledger.standing import cell_states, run_states
from trainables.ledger.states import State
from trainables.ledger.store import Store


def status(given: argparse.Namespace, console: Console) -> int:
    """Show the cells of a store; returns 1 where some failed or are blocked."""
    store = store_of(configure(given))
    plan = store.plan()
    states = run_states(plan, store)

    def shown(run_id: str) -> State:
        state = states[run_id].state
        return State.WAITING if state is State.PENDING else state

    board = Board(plan, shown, now=0.0, slots=1)
    console.print(Text(f"store: {store}"))
    for line in _driver(store):
        console.print(line)
    console.print(board.matrix(console.width))
    console.print(Text(board.legend(), style="dim"))
    cells = cell_states(plan, store)
    console.print(Text(f"{len(cells)} cells: {in_states(cells.values())}"))
    show_collapsed(plan, store, console)
    for line in kept_lines(plan, store):
        console.print(line, soft_wrap=True)
    show_reasons(cells, console)
    return 1 if any(found.state in (State.FAILED, State.BLOCKED) for found in cells.values()) else 0


def _driver(store: Store) -> list[Text]:
    """What is known of the store's driver."""
    driver, runs, is_driven = store.driver(), store.running(), store.is_driven
    if not is_driven:
        driver = store.driver()  # one that has just left in order was not killed
    return driver_lines(driver, runs, is_driven=is_driven, here=os.uname().nodename, now=datetime.now(UTC))

"""The command `status`: where the sweep of a store stands; needs neither its data nor Ray."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console
from rich.text import Text

from sweep.command_line.configuration import configure
from sweep.command_line.stores import store_of
from sweep.terminal.kept import kept_lines
from sweep.terminal.look import Look, Looker
from sweep.terminal.look_json import to_json
from sweep.terminal.reasons import show_collapsed, show_reasons
from sweep.terminal.standing import standing_lines
from sweep.terminal.watch import watch
from trainables.ledger.states import State
from trainables.ledger.store import Store


def status(given: argparse.Namespace, console: Console) -> int:
    """Show the cells of a store, once or for as long as its sweep runs; returns 1 where some failed or are blocked.

    Raises LedgerError for a store without a plan that can be read, ValueError for `--watch` and `--json` together.
    """
    if given.watch and given.json:
        raise ValueError("given --watch and --json; allowed: one of them. In a script, repeat `status --json`")
    store = store_of(configure(given))
    looker = Looker(store)
    look = watch(looker.look, str(store), console) if given.watch else looker.look()
    if given.json:
        sys.stdout.write(to_json(look, str(store)) + "\n")
    else:
        _show(look, store, console)
    return 1 if any(found.state in (State.FAILED, State.BLOCKED) for found in look.cells.values()) else 0


def _show(look: Look, store: Store, console: Console) -> None:
    console.print(Text(f"store: {store}"))
    for line in standing_lines(look, console.width):
        console.print(line)
    show_collapsed(look.plan, store, console)
    for line in kept_lines(look.plan, store):
        console.print(line, soft_wrap=True)
    show_reasons(look.cells, console)

"""The command `run`: compute what is missing of a sweep, show Table 2, write the report."""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.text import Text

from analysis.report.writer import write_report
from search_spaces.config_file import dump_yaml
from sweep.command_line.compute import compute
from sweep.command_line.setup import Setup, described, note, set_up
from sweep.terminal.reasons import show_reasons
from trainables.ledger.standing import cell_states
from trainables.ledger.states import State

_GOOD = (State.DONE, State.NO_DATA, State.DROPPED)
"""Where cells of a sweep that went well stand."""


def run(given: argparse.Namespace, console: Console) -> int:
    """Compute what is missing; returns the exit code."""
    setup = set_up(given, console)
    _begin(setup, console)
    console.print(described(setup))
    summary = compute(setup, console)
    states = cell_states(summary.plan, setup.store)
    if summary.computed:
        console.print(Text(f"{len(summary.computed)} runs computed in {summary.seconds:.0f} s"))
    if summary.stopped:
        console.print(Text(summary.ending, style="yellow"))
    show_reasons(states, console)
    written = write_report(setup.store, setup.store.report, plan=summary.plan)
    console.print(written.on_terminal)
    console.print(Text(f"report: {written.path}"))
    return summary.exit_code or (0 if all(found.state in _GOOD for found in states.values()) else 1)


def _begin(setup: Setup, console: Console) -> None:
    """Write the plan and what it was made from, before anything runs."""
    store = setup.store.prepare()
    with store.driver_lock():
        if not setup.rule:
            store.forget_race()
        path = store.save_config(dump_yaml(setup.config))
        note(setup)
    console.print(Text(f"configuration: {path}"))

"""The command `run`: compute what is missing of a sweep, show Table 2, write the report."""

from __future__ import annotations

import argparse
import shlex
import traceback
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from analysis.report.writer import write_report
from search_spaces.config_file import dump_yaml
from sweep.command_line.compute import compute
from sweep.command_line.recompute import recompute
from sweep.command_line.setup import Setup, described, note, set_up
from sweep.terminal.kept import kept_lines
from sweep.terminal.reasons import LONGEST_REASON, show_reasons
from trainables.ledger.plain import plain
from trainables.ledger.plan import Plan
from trainables.ledger.standing import cell_states
from trainables.ledger.states import State
from trainables.ledger.terminal import complain

_GOOD = (State.DONE, State.NO_DATA, State.DROPPED)
"""Where cells of a sweep that went well stand."""


def run(given: argparse.Namespace, console: Console) -> int:
    """Compute what is missing; returns the exit code."""
    setup = set_up(given, console)
    _begin(setup, given.recompute, console)
    console.print(described(setup))
    summary = compute(setup, console)
    states = cell_states(summary.plan, setup.store)
    if summary.computed:
        console.print(Text(f"{len(summary.computed)} runs computed in {summary.seconds:.0f} s"))
    if summary.stopped:
        console.print(Text(summary.ending, style="yellow"))
    show_reasons(states, console)
    code = summary.exit_code or (0 if all(found.state in _GOOD for found in states.values()) else 1)
    try:
        _report(setup, summary.plan, console, open_test=given.open_test)
    except Exception as error:  # whatever it is: what only shows does not decide how a sweep ended
        if given.debug:
            complain(traceback.format_exc())
        complain(_without_report(error, setup, is_complete=code == 0))
    for line in kept_lines(summary.plan, setup.store):
        console.print(line, soft_wrap=True)
    return code


def _report(setup: Setup, plan: Plan, console: Console, *, open_test: bool) -> None:
    """Write the report and show its table."""
    written = write_report(setup.store, setup.store.report, plan=plan, open_test=open_test)
    console.print(written.on_terminal)
    for warning in written.warnings:
        complain(warning)
    console.print(Text(f"page: {written.page}"))
    console.print(Text(f"report: {written.path}"))


def _without_report(error: Exception, setup: Setup, *, is_complete: bool) -> str:
    """What is said of a sweep whose report cannot be written."""
    sweep = "the sweep itself is complete" if is_complete else "what the sweep has computed is in its store"
    command = f"xstilts report {shlex.quote(str(setup.store))} --out DIR"
    what = plain(f"{type(error).__name__}: {error}", LONGEST_REASON)
    return f"no report ({what}); {sweep}. To write the report: {command}"


def _begin(setup: Setup, again: Sequence[str], console: Console) -> None:
    """Write the plan and what it was made from, before anything runs; have finished runs computed again."""
    store = setup.store.prepare()
    with store.driver_lock():
        recompute(setup, again, console)
        if not setup.rule:
            store.forget_race()
        path = store.save_config(dump_yaml(setup.config))
        note(setup)
    console.print(Text(f"configuration: {path}"))

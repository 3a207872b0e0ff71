"""The command `xstilts`, and what its `python -m` forms share: dispatch, messages and exit codes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from rich.console import Console

from analysis.showing import console as consoles
from analysis.showing.console import complain, plain_log
from sweep.cluster.errors import RayError
from sweep.command_line.arguments import GRID, SEARCH, XSTILTS, Program, make_parser, parse
from sweep.studies.errors import StudyError
from trainables.ledger.store import StoreError
from trainables.model.names import EncoderUnavailableError

BAD_INPUT = 2
INTERRUPTED = 130
FOR_THE_USER = (ValueError, StoreError, StudyError, EncoderUnavailableError, RayError)
"""Errors that say what to do; anything else is a fault of the program and keeps its traceback."""
OF_ANALYSIS = ("report", "submission")
"""Commands that `analysis` has whole, with their options."""


def main(arguments: Sequence[str] | None = None) -> int:
    """`xstilts`; returns the exit code (0 done, 1 some failed, 2 bad input, 130 interrupted)."""
    words = _words(arguments)
    if not words:
        make_parser(XSTILTS).print_help(sys.stderr)
        return BAD_INPUT
    if words[0] == "--version":
        _say_version()
        return 0
    if words[0] in OF_ANALYSIS:
        # late, as in `_dispatch`
        analysis: Callable[..., int] = import_module(f"analysis.{words[0]}.command").main
        return analysis(words[1:], XSTILTS.commands[words[0]])
    return _run(XSTILTS, words)


def grid(arguments: Sequence[str] | None = None) -> int:
    """`python -m sweep.grid`; returns the exit code."""
    return _run(GRID, _words(arguments))


def search(arguments: Sequence[str] | None = None) -> int:
    """`python -m sweep.search`; returns the exit code."""
    return _run(SEARCH, _words(arguments))


def make_console() -> Console:
    """The terminal, or a log file with room for the table."""
    return consoles.make_console(120)


def _run(program: Program, words: Sequence[str]) -> int:
    """The exit code of a command; errors that tell the user what to do become messages."""
    plain_log()
    try:
        return _dispatch(parse(words, program))
    except KeyboardInterrupt:
        _complain("interrupted; the same command continues")
        return INTERRUPTED
    except FOR_THE_USER as error:
        if "--debug" in words:
            raise
        _complain(str(error))
        return BAD_INPUT


def _dispatch(given: argparse.Namespace) -> int:
    # late: what a command needs takes from half a second to two, which --help need not wait for
    command = getattr(import_module(f"sweep.command_line.{given.command}"), given.command)
    found: int = command(given, make_console())
    return found


def _words(arguments: Sequence[str] | None) -> list[str]:
    return list(sys.argv[1:] if arguments is None else arguments)


def _say_version() -> None:
    from importlib.metadata import version  # late: the one who asks for it waits

    make_console().print(f"xstilts {version('xstilts')}")


def _complain(message: str) -> None:
    complain(message, "bold red")

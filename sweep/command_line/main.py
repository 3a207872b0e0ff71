"""The command `xstilts`, and what its `python -m` forms share: dispatch, messages and exit codes.

Imports here are Python's own and this project's: a package that is missing is said in one line.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from types import MappingProxyType

from sweep.command_line.arguments import GRID, SEARCH, XSTILTS, Program, make_parser, parse
from trainables.ledger.terminal import complain, lenient_output, plain_log

BAD_INPUT = 2
INTERRUPTED = 130
LOG_WIDTH = 120
"""Columns of a log file: room for the table."""
WHOLE = MappingProxyType({
    "report": "analysis.report.command",
    "submission": "analysis.submission.command",
    "compare": "analysis.comparing.command",
    "examples": "analysis.examples.command",
    "advise": "sweep.command_line.advise",
    "check": "sweep.command_line.check",
    "export": "sweep.command_line.export",
    "predict": "sweep.command_line.predict",
})  # fmt: skip
"""Command -> the module that has it whole, with its options."""
_OURS = ("sweep", "analysis", "search_spaces", "trainables")
_DISTRIBUTIONS = MappingProxyType({"yaml": "PyYAML"})
"""Module -> the package that has it, where the names differ."""


def main(arguments: Sequence[str] | None = None) -> int:
    """`xstilts`; returns the exit code (0 done, 1 some failed, 2 bad input, 130 interrupted)."""
    words = _words(arguments)
    if not words:
        make_parser(XSTILTS).print_help(sys.stderr)
        return BAD_INPUT
    return _run(XSTILTS, words)


def grid(arguments: Sequence[str] | None = None) -> int:
    """`python -m sweep.grid`; returns the exit code."""
    return _run(GRID, _words(arguments))


def search(arguments: Sequence[str] | None = None) -> int:
    """`python -m sweep.search`; returns the exit code."""
    return _run(SEARCH, _words(arguments))


def _run(program: Program, words: Sequence[str]) -> int:
    """The exit code of a command; errors that tell the user what to do become messages."""
    plain_log()
    with lenient_output():
        try:
            return _guarded(program, words)
        except KeyboardInterrupt:
            complain("interrupted; the same command continues")
            return INTERRUPTED
        except ImportError as error:
            package = (error.name or "").partition(".")[0]
            if "--debug" in words or not package or package in _OURS:
                raise
            name = _DISTRIBUTIONS.get(package, package)
            complain(
                f"the package {name} cannot be used ({error}); `{sys.executable} -m pip install {name}` installs it"
            )
            return BAD_INPUT


def _guarded(program: Program, words: Sequence[str]) -> int:
    from sweep.command_line.errors import sentence  # late: the packages that it needs may be missing

    try:
        if program is XSTILTS and words[0] in WHOLE:
            whole: Callable[..., int] = import_module(WHOLE[words[0]]).main  # late, as in `_dispatch`
            return whole(words[1:], XSTILTS.commands[words[0]])
        if program is XSTILTS and words[0] == "--version":
            return _say_version()
        return _dispatch(parse(words, program))
    except Exception as error:
        said = sentence(error)
        if "--debug" in words or not said:
            raise
        complain(said)
        return BAD_INPUT


def _dispatch(given: argparse.Namespace) -> int:
    # late: what a command needs takes from half a second to two, which --help need not wait for
    command = getattr(import_module(f"sweep.command_line.{given.command}"), given.command)
    console = import_module("trainables.ledger.console").make_console(LOG_WIDTH)
    found: int = command(given, console)
    return found


def _words(arguments: Sequence[str] | None) -> list[str]:
    return list(sys.argv[1:] if arguments is None else arguments)


def _say_version() -> int:
    from importlib.metadata import version  # late: the one who asks for it waits

    sys.stdout.write(f"xstilts {version('xstilts')}\n")
    return 0
